"""sslapp commands in processes of their own that die by SIGKILL where a test wants it.

A *point* is a moment around which something becomes durable: in the middle of every write to a
file, after every fsync and rename, before and after every commit. (Before an fsync or a rename the
disk holds what it held at the point that comes earlier.) As a program this module is a launcher:
it imports everything once and forks a process for each request, because importing torch takes
seconds and hundreds of processes have to die.
"""

import gc
import json
import math
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

POINTS = "points.txt"
WORKER = ("worker", "--until-idle", "--threads", "1")
"""The command that runs what is queued and ends."""


class Launcher:
    """The launcher as its user sees it; a context manager.

    Args:
        program: a Python file that calls `serve`; by default this one, which runs sslapp commands.
    """

    def __init__(self, program: str = __file__) -> None:
        self._program = program
        self._running: int | None = None

    def __enter__(self) -> "Launcher":
        self._process = subprocess.Popen(
            [sys.executable, self._program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == 0
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def start(
        self,
        workspace: Path,
        *commands: Sequence[str],
        die_at: int | str | None = None,
        die_after: float | None = None,
        watched: bool = True,
    ) -> int:
        """Start the commands, one after the other in one process, and return its id.

        Args:
            die_at: number of the point, from 1, at which the process ends itself, or what it is.
            die_after: seconds after which it is ended.
            watched: whether its points are counted; else it does what it does anywhere.
        """
        if self._running is not None:  # a test that failed left it; its status is read first
            with suppress(ProcessLookupError):
                os.kill(self._running, signal.SIGKILL)
            self.wait()
        request = {"commands": commands, "workspace": str(workspace), "die_at": die_at}
        stdin, _ = self._pipes()
        stdin.write(json.dumps({**request, "die_after": die_after, "watched": watched}) + "\n")
        stdin.flush()
        pid = self._answer()
        assert pid > 1, f"{pid} is no process that a test may kill"
        self._running = pid
        return pid

    def wait(self) -> int:
        """The exit status of the process, negative for a signal."""
        status = self._answer()
        self._running = None
        return status

    def run(self, workspace: Path, *commands: Sequence[str], **options: Any) -> int:
        """Start and wait."""
        self.start(workspace, *commands, **options)
        return self.wait()

    @contextmanager
    def working(self, workspace: Path) -> Iterator[None]:
        """Have a worker wait for jobs in the workspace, which loads nothing before it runs one.

        One at a time; another process that is started ends it.
        """
        from sslapp.jobs.queue import worker_alive
        from sslapp.workspace import Workspace

        pid = self.start(workspace, ("worker", "--threads", "1"), watched=False)
        until = time.monotonic() + 30
        while not worker_alive(Workspace(workspace=workspace)):
            assert time.monotonic() < until, "the worker did not start"
            time.sleep(0.01)
        try:
            yield
        finally:
            if self._running == pid:
                os.kill(pid, signal.SIGKILL)
                self.wait()

    def _answer(self) -> int:
        line = self._pipes()[1].readline()
        assert line, "the launcher died"
        return int(line)

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._process.stdin is not None and self._process.stdout is not None
        return self._process.stdin, self._process.stdout


def points(workspace: Path) -> list[str]:
    """What the points of the last process in the workspace were."""
    return (workspace / POINTS).read_text().splitlines()


def said(workspace: Path) -> list[dict[str, Any]]:
    """What the last process in the workspace printed, as far as it came."""
    printed = workspace / "stdout.txt"
    if not printed.exists():  # killed before it had opened it
        return []
    lines = printed.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


class Doom:
    """Counts points and ends the process at one of them."""

    def __init__(self, die_at: int | str | None, record: Path) -> None:
        self._die_at = die_at
        self._count = 0
        self._record = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    def reached(self, what: str) -> None:
        os.write(self._record, f"{what}\n".encode())
        self._count += 1
        if self._die_at in (self._count, what):
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Make every durable step of this process a point."""
        from sqlalchemy.engine.default import DefaultDialect

        from sslapp import durable

        if "sslapp.rounds.execute" in sys.modules:
            import sslapp.jobs.context
            import sslapp.rounds.execute

            sslapp.rounds.execute.CHECKPOINT_SECONDS = 0.0  # a checkpoint at every report
            sslapp.jobs.context.BEAT_EVERY = math.inf  # the same points in every process
        self._around(os, "fsync", "fsync")
        self._around(os, "replace", "rename")
        self._around(os, "rename", "rename")
        commit, write = DefaultDialect.do_commit, durable.write
        changes: dict[int, int] = {}

        def watched_commit(dialect: Any, connection: Any) -> None:
            driver = getattr(connection, "dbapi_connection", connection)
            wrote = driver.total_changes != changes.get(id(driver), 0)
            changes[id(driver)] = driver.total_changes
            if wrote:
                self.reached("before commit")
            commit(dialect, connection)
            if wrote:
                self.reached("after commit")

        def watched_write(path: Path, fill: Any) -> None:
            write(
                path, lambda file: fill(_Halved(file, lambda: self.reached(f"in {_called(path)}")))
            )

        DefaultDialect.do_commit = watched_commit  # type: ignore[method-assign]
        durable.write = watched_write

    def _around(self, module: Any, name: str, what: str) -> None:
        real = getattr(module, name)

        def watched(*args: Any, **named: Any) -> Any:
            result = real(*args, **named)
            about = f" {_called(Path(args[1]))}" if len(args) > 1 else ""
            self.reached(f"after {what}{about}")
            return result

        setattr(module, name, watched)


def _called(path: Path) -> str:
    """A file's name without the hash of its content."""
    from sslapp import durable

    return durable.stem_of(path) + path.suffix


class _Halved:
    """A file whose writes come in two halves with a point between them."""

    def __init__(self, file: Any, between: Any) -> None:
        self._file, self._between = file, between

    def write(self, content: Any) -> int:
        content = bytes(content)
        self._file.write(content[: len(content) // 2])
        self._file.flush()
        self._between()
        self._file.write(content[len(content) // 2 :])
        return len(content)


def main() -> None:
    """Fork a process that runs sslapp commands for every line of standard input."""
    import numpy as np
    import sklearn.datasets  # noqa: F401
    import sqlalchemy.dialects.sqlite  # noqa: F401
    import torch
    import typer

    import sslapp.cli
    import sslapp.embedding.encoders
    import sslapp.embedding.pca
    import sslapp.jobs.context
    import sslapp.rounds.execute
    import sslapp.usecases.handlers
    from sslapp.methods.registry import CARDS, method_class

    for name in CARDS:
        method_class(name)
    torch.optim.SGD([torch.zeros(1, requires_grad=True)])  # the first one imports a second long
    sslapp.embedding.pca.fit([np.eye(4)], 2)  # the first one looks for libraries of threads
    command = typer.main.get_command(sslapp.cli.app)
    gc.freeze()  # a collection in a forked process would copy what the processes share
    serve(partial(_run_commands, command))


def serve(run: Callable[[Path, Any], object]) -> None:
    """Fork a process for every line of standard input, and let it run what is asked for.

    Args:
        run: called with the workspace and the commands.
    """
    print(0, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _serve(request, run)
        print(child, flush=True)
        if request["die_after"] is not None:
            time.sleep(request["die_after"])
            os.kill(child, signal.SIGKILL)  # a process that ended is a zombie until waited for
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _serve(request: dict[str, Any], run: Callable[[Path, Any], object]) -> None:
    root = Path(request["workspace"])
    for number, name in ((1, "stdout.txt"), (2, "stderr.txt")):
        os.dup2(os.open(root / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    status = 1
    try:
        if request["watched"]:
            Doom(request["die_at"], root / POINTS).watch()
        run(root, request["commands"])
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _run_commands(app: Callable[..., Any], root: Path, commands: Sequence[Sequence[str]]) -> None:
    for command in commands:
        app(["--workspace", str(root), "--reader", "Ann", *command], standalone_mode=False)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
