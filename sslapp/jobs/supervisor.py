"""Keep one local worker alive while the application runs.

A worker that somebody else started (a terminal, an application that was killed) is recognised by
its lock and left alone. The application's end asks its own worker to end after the job it is at,
so stopping or restarting the application never stops a job: the next application finds that worker
by its lock and starts another one when it is gone.

While that worker is at a long job, a second one is started for light jobs that wait, and ends with
them.
"""

import os
import subprocess
import sys
import time

import structlog
from sqlalchemy import Engine

from sslapp.jobs.queue import light_waits, worker_alive
from sslapp.store.database import open_database, reading
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
        self._light: subprocess.Popen[bytes] | None = None
        self._engine: Engine | None = None
        self._started = 0.0
        self._pause = FIRST_PAUSE
        self._next_start = 0.0
        self._next_light = 0.0
        self._log = structlog.get_logger()

    @property
    def worker(self) -> "subprocess.Popen[bytes] | None":
        """The process it started and has not seen end."""
        return self._worker

    @property
    def light(self) -> "subprocess.Popen[bytes] | None":
        """The worker for light jobs that it started and has not seen end."""
        return self._light

    def look(self) -> None:
        """Start the workers that are due. Call it every LOOK_EVERY seconds."""
        self._look_after_the_worker()
        self._look_after_light_jobs()

    def _look_after_light_jobs(self) -> None:
        """Start a worker for those that wait, unless one lives or the last one just failed."""
        if self._light is not None:
            code = self._light.poll()
            if code is None:
                return
            self._light = None
            if code:
                self._next_light = time.monotonic() + LONGEST_PAUSE
                self._log.warning("light_worker_died", code=code, again_in=LONGEST_PAUSE)
        if time.monotonic() < self._next_light or not worker_alive(self._workspace):
            return
        if self._light_waits() and not worker_alive(self._workspace, light=True):
            self._light = self._run("--light", "--until-idle")
            self._log.info("light_worker_started", pid=self._light.pid)

    def _look_after_the_worker(self) -> None:
        """Start a worker unless one lives or a pause is due."""
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
        self._forget_database()

    def _start(self) -> None:
        self._worker = self._run()
        self._started = time.monotonic()
        self._log.info("worker_started", pid=self._worker.pid)

    def _run(self, *options: str) -> "subprocess.Popen[bytes]":
        self._workspace.root.mkdir(parents=True, exist_ok=True)
        with open(self._workspace.root / "worker.log", "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "sslapp", "worker", *options],
                env={**os.environ, "SSLAPP_WORKSPACE": str(self._workspace.root)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C for the application is none for the job
            )

    def _light_waits(self) -> bool:
        """Whether a light job waits behind a long one; no, where the database cannot be read."""
        try:
            if self._engine is None:
                self._engine = open_database(self._workspace.url, may_create=False)
            with reading(self._engine) as conn:
                return light_waits(conn)
        except Exception:  # whatever is wrong with the database, whoever opens a page is told
            self._forget_database()
            return False

    def _forget_database(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _worker_ended(self, code: int) -> None:
        lived = time.monotonic() - self._started
        self._pause = FIRST_PAUSE if lived > LONG_LIFE else min(self._pause * 2, LONGEST_PAUSE)
        self._next_start = time.monotonic() + self._pause
        self._worker = None
        self._log.warning("worker_died", code=code, again_in=self._pause)
