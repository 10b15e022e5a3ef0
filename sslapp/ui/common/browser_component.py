"""Declares a component of the browser from its files in ui/components.

Its markup and styles go to the browser as they are. Its code is a module among others, which
import each other from the route of web/browser_code.py; what Streamlit is given is the loader that
imports it from there.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from sslapp.usecases.access import Access
from sslapp.web import browser_code

LOADER = "common/loader.js"


def declare(
    name: str, module: str, *, html: str | None = None, styles: Sequence[str] = ()
) -> Callable[..., Any]:
    """Declare a component, once, when the module that draws it is imported.

    Args:
        name: Streamlit's name for it.
        module: its code, which exports the component's function as its default, as in
            "label/reader.js".
        html: the file of its markup.
        styles: files of its styles; later rules win.

    Returns:
        The function that draws it, see `st.components.v2.component`.
    """
    return st.components.v2.component(
        name,
        html=None if html is None else _text(html),
        css="\n".join(map(_text, styles)) or None,
        js=f"const ADDRESS = {json.dumps(browser_code.address(module))}\n{_text(LOADER)}",
    )


def lately(access: Access, project_id: int) -> str:
    """What the browser keeps the classes under that a reader gave lately, at whatever desk."""
    return f"sslapp-lately-{access.workspace_id}-{project_id}-{access.reader_id}"


def _text(file: str) -> str:
    return (browser_code.COMPONENTS / file).read_text(encoding="utf-8")
