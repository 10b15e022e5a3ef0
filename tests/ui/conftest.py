"""The real application on a free port, and a real browser in front of it."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import component_manifests
import pytest
from mortal_server import MortalServer, ServerLauncher

SYSTEM_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")


@pytest.fixture(scope="session", autouse=True)
def manifests_read_once() -> None:
    """Reading them takes a quarter of a second for every test that shows a page."""
    component_manifests.read_once()


@pytest.fixture(scope="module")  # Playwright's loop would be in the way of other modules' own
def browser() -> Iterator[object]:
    """A headless Chromium: the system's, or Playwright's own.

    The shell without windows is preferred: it has nothing to draw but the page.
    """
    if os.environ.get("SSLAPP_REQUIRE_ALL") != "1":
        pytest.importorskip("playwright.sync_api")
    from playwright import sync_api

    path = next(filter(None, map(shutil.which, SYSTEM_BROWSERS)), None)
    sync_api.expect.set_options(timeout=30_000)  # the five seconds of by default are few
    options = ["--no-sandbox", "--disable-dev-shm-usage"]
    with sync_api.sync_playwright() as playwright:
        try:
            found = playwright.chromium.launch(executable_path=path, args=options)
        except sync_api.Error as error:
            if os.environ.get("SSLAPP_REQUIRE_ALL") == "1":
                raise
            pytest.skip(f"needs Chromium (`playwright install chromium`): {error}")
        yield found
        found.close()


@pytest.fixture(scope="session")
def server_launcher() -> Iterator[ServerLauncher]:
    """Starts servers, each in a process of its own that need not load the application again."""
    with ServerLauncher() as made:
        yield made


@contextmanager
def serving(
    request: pytest.FixtureRequest, launcher: ServerLauncher, log: Path
) -> Iterator[Callable[..., MortalServer]]:
    """A function that starts a server of a workspace; they and their workers end with it.

    Where both are to find loaded what they load, the worker is there before the server would start
    its own.
    """
    made: list[MortalServer] = []
    workers = ExitStack()

    def make(
        root: Path, *options: str, worker: bool = False, loaded: bool = True, **about: Any
    ) -> MortalServer:
        if worker and loaded:
            workers.enter_context(request.getfixturevalue("launcher").working(root))
        about |= {"worker": worker, "loaded": loaded}
        server = MortalServer(launcher, root, log, *options, **about)
        made.append(server)
        server.start()
        server.wait()
        return server

    yield make
    workers.close()
    for server in made:
        server.end()


@pytest.fixture
def make_server(
    request: pytest.FixtureRequest, server_launcher, tmp_path: Path
) -> Iterator[Callable[..., MortalServer]]:
    """A function that starts a server of a workspace; it and its worker end after the test."""
    with serving(request, server_launcher, tmp_path / "server.log") as make:
        yield make


@pytest.fixture(scope="module")
def make_lasting_server(
    request: pytest.FixtureRequest, server_launcher, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., MortalServer]]:
    """As `make_server`, for servers that end after the last test of the module."""
    log = tmp_path_factory.mktemp("server") / "server.log"
    with serving(request, server_launcher, log) as make:
        yield make


@pytest.fixture
def serve(make_server) -> Callable[..., str]:
    """A function that serves a workspace and returns the address."""
    return lambda root, *options, **about: make_server(root, *options, **about).address


@pytest.fixture(scope="module")
def lasting_review(with_round: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Access to a copy of the project with one finished round that the module's tests share."""
    import small_project

    access = small_project.copy(with_round, tmp_path_factory.mktemp("review") / "workspace")
    yield access
    access.engine.dispose()
