"""The application's script as a reader of this machine sees it."""

from collections.abc import Callable
from pathlib import Path

import component_manifests
import pytest
from streamlit.testing.v1 import AppTest

MAIN = Path(__file__).parents[2] / "sslapp" / "main.py"


@pytest.fixture(scope="session", autouse=True)
def manifests_read_once() -> None:
    """Reading them takes a quarter of a second for every test that shows a page."""
    component_manifests.read_once()


@pytest.fixture
def open_app(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """A function that opens a page on a workspace folder as the reader of that name.

    As from a link to it: no other page is drawn before.
    """

    def make(root: Path, page: str = "projects", *, reader: str = "Ann", **queries: str) -> AppTest:
        monkeypatch.setenv("SSLAPP_WORKSPACE", str(root))
        monkeypatch.setenv("LOGNAME", reader)
        shown = AppTest.from_file(str(MAIN), default_timeout=30)
        shown.switch_page(f"../pages/{page}.py")
        for name, value in queries.items():
            shown.query_params[name] = value
        shown.run()
        assert not shown.exception, shown.exception
        return shown

    return make
