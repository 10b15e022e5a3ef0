"""The real application at one address, to be killed and started again under a page.

As a program this module is a launcher: it loads Streamlit, the routes and what the pages are made
of once, and forks a process for each server, because loading them takes seconds and every test in
a browser needs a server of its own.
"""

import gc
import importlib
import inspect
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COMMAND = ("run", "app.py")
LOADED = (
    *("streamlit.web.cli", "streamlit.web.bootstrap", "streamlit.watcher.polling_path_watcher"),
    *("uvicorn.loops.asyncio", "uvicorn.protocols.http.h11_impl", "uvicorn.lifespan.on"),
    *("uvicorn.protocols.websockets.websockets_sansio_impl", "anyio._backends._asyncio"),
    *("starlette.middleware.sessions", "starlette.staticfiles"),
    *("sqlalchemy.dialects.sqlite", "sqlite3"),
    *("sslapp.acquisition.registry", "faiss"),
)
"""Modules that a server imports when it is started, or a page when it is first shown."""


class ServerLauncher:
    """The launcher as its user sees it; a context manager."""

    def __enter__(self) -> "ServerLauncher":
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def start(
        self, options: list[str], environment: dict[str, str], log: Path, *, loaded: bool
    ) -> int:
        """Start `streamlit run app.py` with these options, and return the id of its process.

        Args:
            loaded: whether it finds loaded what the launcher has loaded; else it is started as the
                command is.
        """
        about = {"options": options, "environment": environment, "log": str(log)}
        return int(self._ask("start", **about, loaded=loaded))

    def wait(self, pid: int, seconds: float) -> None:
        """Wait until a server has ended; kill it when it does not."""
        self._ask("wait", pid=pid, seconds=seconds)

    def _ask(self, what: str, **about: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"what": what, **about}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the launcher died"
        return json.loads(line)


class MortalServer:
    """A server that can be killed and started again at its address, on another workspace too.

    Args:
        root: the workspace.
        log: the file to which it prints.
        options: of `streamlit run`.
        environment: what it finds in its environment beside what the test has when it starts it.
        worker: whether it starts a worker that runs jobs. One that is given its database by address
            leaves that to others.
        loaded: see `ServerLauncher.start`.
    """

    def __init__(
        self,
        launcher: ServerLauncher,
        root: Path,
        log: Path,
        *options: str,
        worker: bool = False,
        loaded: bool = True,
        **environment: str,
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._launcher = launcher
        self._root, self._log = root, log
        self._options, self._environment = options, environment
        self._worker, self._loaded = worker, loaded
        self.address = f"http://localhost:{self._port}"

    def start(self, root: Path | None = None) -> None:
        self._root = root or self._root
        environment = {**os.environ, "SSLAPP_WORKSPACE": str(self._root), "LOGNAME": "Ann"}
        environment |= self._environment
        if not self._worker:
            environment["SSLAPP_DATABASE_URL"] = f"sqlite:///{self._root / 'sslapp.db'}"
        options = [f"--server.port={self._port}", *self._options]
        self._pid = self._launcher.start(options, environment, self._log, loaded=self._loaded)

    def wait(self) -> None:
        wait_for(lambda: answers(f"{self.address}/api/health"))

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        self._launcher.wait(self._pid, 15)

    def end(self) -> None:
        """End it and the worker that it started."""
        from sslapp.jobs.queue import worker_alive
        from sslapp.workspace import Workspace

        os.kill(self._pid, signal.SIGTERM)
        self._launcher.wait(self._pid, 15)
        wait_for(lambda: not worker_alive(Workspace(workspace=self._root)))


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def wait_for(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def main() -> None:
    """Fork a server, or wait for one, for every line of standard input."""
    sys.path[0] = str(ROOT)  # as `python -m streamlit` has it, in place of this file's folder
    _load()
    _say("ready")
    living: set[int] = set()
    for line in sys.stdin:
        request = json.loads(line)
        if request["what"] == "wait":
            _wait(request["pid"], request["seconds"])
            living.remove(request["pid"])
            _say("ended")
            continue
        child = os.fork()
        if child == 0:
            _serve(request)
        living.add(child)
        _say(child)
    for child in living:
        os.kill(child, signal.SIGKILL)


def _load() -> None:
    """Load and find out what every server and its pages load and find out at first."""
    import sslapp.ui
    import sslapp.web

    for name in LOADED:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(sslapp.ui.__path__, "sslapp.ui."):
        importlib.import_module(module.name)

    from streamlit.components.v2 import manifest_scanner

    # Streamlit reads what every installed package says of itself
    manifests = manifest_scanner.scan_component_manifests()
    manifest_scanner.scan_component_manifests = lambda: manifests  # type: ignore[assignment]
    inspect.stack()  # remembers which file every module is from
    gc.collect()
    gc.freeze()  # a collection, as after every run of a page, would look at all of it


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


def _wait(pid: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _serve(request: dict[str, Any]) -> None:
    status = 1
    try:
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for file, number in ((os.open(os.devnull, os.O_RDONLY), 0), (log, 1), (log, 2)):
            os.dup2(file, number)
        os.environ.clear()
        os.environ |= request["environment"]
        arguments = [*COMMAND, *request["options"]]
        if not request["loaded"]:
            os.execv(sys.executable, [sys.executable, "-m", "streamlit", *arguments])
        sys.argv = ["streamlit", *arguments]
        from streamlit.web import cli

        cli.main(prog_name="streamlit")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
