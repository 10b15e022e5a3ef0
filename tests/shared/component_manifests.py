"""What installed packages say of components that they bring, which no test changes."""

from functools import cache


def read_once() -> None:
    """Let Streamlit read it once in this process: it does so for every server and every AppTest."""
    from streamlit.components.v2 import manifest_scanner

    manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)
