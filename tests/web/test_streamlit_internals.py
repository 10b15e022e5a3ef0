"""The private parts of Streamlit and its server that this program uses, as they are today.

When one of these fails after an upgrade, sslapp/web/streamlit_internals.py is the place to mend.
"""

import ast
import inspect
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
INTERNALS = ROOT / "sslapp" / "web" / "streamlit_internals.py"

FUNCTIONS = {
    ("streamlit.auth_util", "get_origin_from_redirect_uri"): "() -> 'str | None'",
    ("streamlit.auth_util", "is_authlib_installed"): "() -> 'bool'",
    ("streamlit.web.server.starlette.starlette_websocket", "_get_signed_cookie_with_chunks"): (
        "(cookies: 'dict[str, str]', cookie_name: 'str') -> 'bytes | None'"
    ),
    ("streamlit.web.server.starlette.starlette_websocket", "_parse_decoded_user_cookie"): (
        "(decoded_cookie: 'bytes', origin: 'str') -> 'dict[str, Any]'"
    ),
}
VALUES = {
    (
        "streamlit.web.server.starlette.starlette_server_config",
        "USER_COOKIE_NAME",
    ): "_streamlit_user",
}
MODULES = {("websockets", "http11")}

PUBLIC = {
    "streamlit",
    "streamlit.components.v2",
    "streamlit.delta_generator",
    "streamlit.errors",
}
"""Modules of Streamlit that its manual names."""


def imports(path: Path) -> set[tuple[str, str]]:
    """(module, name) of everything that a file imports from Streamlit or its server."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found |= {(node.module, each.name) for each in node.names}
        elif isinstance(node, ast.Import):
            found |= {(each.name, "") for each in node.names}
    return {each for each in found if each[0].partition(".")[0] in ("streamlit", "websockets")}


@pytest.mark.parametrize(("where", "signature"), FUNCTIONS.items(), ids=lambda each: each[1])
def test_a_private_function_is_called_as_before(where, signature) -> None:
    module, name = where
    assert str(inspect.signature(getattr(import_module(module), name))) == signature


@pytest.mark.parametrize(("where", "value"), VALUES.items())
def test_a_private_value_is_as_before(where, value) -> None:
    module, name = where
    assert getattr(import_module(module), name) == value


def test_the_longest_header_is_still_a_number_of_the_sockets_library() -> None:
    http11 = import_module("websockets.http11")
    assert isinstance(http11.MAX_LINE_LENGTH, int)
    assert "MAX_LINE_LENGTH" in inspect.getsource(http11.parse_line)


def test_this_list_is_what_the_module_imports() -> None:
    assert imports(INTERNALS) == {*FUNCTIONS, *VALUES, *MODULES}


@pytest.mark.slow
def test_no_other_module_uses_private_parts() -> None:
    files = [ROOT / "app.py", *(ROOT / "pages").glob("*.py"), *(ROOT / "sslapp").rglob("*.py")]
    private = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in files
        if path != INTERNALS
        for module, _ in imports(path)
        if module not in PUBLIC
    }
    assert not private


def test_streamlit_is_held_to_the_minor_version_that_is_installed() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    (line,) = [each for each in lines if each.startswith("streamlit")]
    allowed = Requirement(line).specifier
    major, minor, *_ = version("streamlit").split(".")
    assert version("streamlit") in allowed
    assert f"{major}.{int(minor) + 1}.0" not in allowed
