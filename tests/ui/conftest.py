"""The real application on a free port, and a real browser in front of it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sslapp.jobs.queue import worker_alive
from sslapp.workspace import Workspace

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")  # Playwright's loop would be in the way of other modules' own
def browser() -> Iterator[object]:
    """A headless Chromium: the system's, or Playwright's own."""
    if os.environ.get("SSLAPP_REQUIRE_ALL") != "1":
        pytest.importorskip("playwright.sync_api")
    from playwright import sync_api

    path = shutil.which("chromium") or shutil.which("chromium-browser")
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


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """A function that serves a workspace and returns the address; it and its worker end after."""
    servers: list[subprocess.Popen] = []
    roots: list[Path] = []

    def make(root: Path, *options: str, **environment: str) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
        with open(tmp_path / "server.log", "ab") as log:
            server = subprocess.Popen(
                [*command, *options],
                cwd=ROOT,
                env={**os.environ, "SSLAPP_WORKSPACE": str(root), "LOGNAME": "Ann", **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        servers.append(server)
        roots.append(root)
        address = f"http://localhost:{port}"
        wait_for(lambda: answers(f"{address}/api/health"))
        return address

    yield make
    for server in servers:
        server.terminate()
        try:
            server.wait(timeout=15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    for root in roots:  # the application told its worker to end
        wait_for(lambda root=root: not worker_alive(Workspace(workspace=root)))


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def wait_for(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
