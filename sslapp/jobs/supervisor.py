"""Keep one local worker alive while the application runs.

A worker that somebody else started (a terminal, an application that was killed) is recognised by
its lock and left alone. The application's end asks its own worker to end after the job it is at,
so stopping or restarting the application never stops a job: the next application finds that worker
by its lock and starts another one when it is gone.
"""

import os
import subprocess
import sys
import time

import structlog

from sslapp.jobs.queue import worker_alive
from sslapp.workspace import Workspace

LOOK_EVERY = 1.0
"""Seconds between two looks."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds until a worker that died is started again; the pause doubles with every death."""

LONG_LIFE = 60.0
"""Seconds after which a death no longer counts as another failure to start."""


class Supervisor:
    """Starts the worker and starts it again when it dies.

    Args:
        workspace: whose jobs to run.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._worker: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = FIRST_PAUSE
        self._next_start = 0.0
        self._log = structlog.get_logger()

    @property
    def worker(self) -> "subprocess.Popen[bytes] | None":
        """The process it started and has not seen end."""
        return self._worker

    def look(self) -> None:
        """Start a worker unless one lives or a pause is due. Call it every LOOK_EVERY seconds."""
        if self._worker is not None:
            if self._worker.poll() is None:
                return
            self._worker_ended(self._worker.returncode)
        if time.monotonic() >= self._next_start and not worker_alive(self._workspace):
            self._start()

    def end(self) -> None:
        """Ask the worker to end after the job it is at, and do not wait for it."""
        if self._worker is not None and self._worker.poll() is None:
            self._worker.terminate()

    def _start(self) -> None:
        self._workspace.root.mkdir(parents=True, exist_ok=True)
        with open(self._workspace.root / "worker.log", "ab") as log:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "sslapp", "worker"],
                env={**os.environ, "SSLAPP_WORKSPACE": str(self._workspace.root)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C for the application is none for the job
            )
        self._started = time.monotonic()
        self._log.info("worker_started", pid=self._worker.pid)

    def _worker_ended(self, code: int) -> None:
        lived = time.monotonic() - self._started
        self._pause = FIRST_PAUSE if lived > LONG_LIFE else min(self._pause * 2, LONGEST_PAUSE)
        self._next_start = time.monotonic() + self._pause
        self._worker = None
        self._log.warning("worker_died", code=code, again_in=self._pause)
