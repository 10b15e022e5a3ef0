"""The packages that ONNX needs: an extra, and looked for without loading them."""

from importlib.util import find_spec

NEEDS = ("onnx", "onnxruntime")


def missing() -> str | None:
    """Why a model exported here has no model.onnx, with the mend; None where it has one."""
    lacking = [each for each in NEEDS if find_spec(each) is None]
    if not lacking:
        return None
    verb = "is" if len(lacking) == 1 else "are"
    return (
        f"{' and '.join(lacking)} {verb} not installed: run `pip install -r "
        "requirements-networks.txt` in the program's environment and export again."
    )
