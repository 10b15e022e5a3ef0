"""The worker process: claim a job, run its handler, take the next."""

import os
import socket
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy import Engine

from sslapp import durable
from sslapp.jobs import queue
from sslapp.jobs.context import Cancelled, Handlers, JobContext
from sslapp.jobs.host_memory import freed_memory_kept
from sslapp.jobs.lock import LifeLock
from sslapp.store.database import writing
from sslapp.store.errors import Damaged, Unknown
from sslapp.vocabulary import FailureKind
from sslapp.workspace import Workspace

POLL_EVERY = 0.5
"""Seconds between two looks into an empty queue."""

AGAIN_AT_START, AGAIN = timedelta(minutes=1), timedelta(hours=1)
"""After how long a worker that starts, and one that has nothing to do, tries a failed job again
that nobody else may resume. A worker that such a job kills has this minute for other jobs."""


class JobRefused(Exception):
    """A handler's way to fail a job with a sentence for the reader instead of a traceback.

    Attributes:
        kind: of the failure, where the reader may decide how the job goes on.
    """

    def __init__(self, reason: str, kind: FailureKind | None = None) -> None:
        super().__init__(reason)
        self.kind = kind


def work(
    workspace: Workspace,
    engine: Engine,
    handlers: Handlers,
    *,
    threads: int | None = None,
    until_idle: bool = False,
    light: bool = False,
    hung_after: timedelta = queue.HUNG_AFTER,
    should_end: Callable[[], bool] = lambda: False,
) -> int:
    """Run jobs until `should_end`, or until the queue is empty, and return how many were run.

    Args:
        handlers: what to do for each kind of job.
        threads: for numerical work; None lets a job's plan decide.
        until_idle: return when nothing is queued.
        light: take light jobs alone, beside the worker that takes all.
    """
    done = 0
    with LifeLock(queue.lock_path(workspace, socket.gethostname(), os.getpid(), light=light)):
        queue.reclaim(engine, workspace, hung_after=hung_after, pid=os.getpid())
        queue.take_up_again(engine, AGAIN_AT_START)
        while not should_end():
            held = queue.claim(engine, os.getpid(), light=light)
            if held is not None:
                run_claimed(workspace, engine, handlers, held, threads)
                done += 1
            elif not (
                queue.reclaim(engine, workspace, hung_after=hung_after)
                or queue.take_up_again(engine, AGAIN)
            ):
                if until_idle:
                    break
                time.sleep(POLL_EVERY)
    return done


def run_claimed(
    workspace: Workspace,
    engine: Engine,
    handlers: Handlers,
    held: queue.Claim,
    threads: int | None,
) -> None:
    """Run one claimed job to its end and record how it ended.

    Raises:
        OSError: when not even that could be recorded.
    """
    folder = workspace.attempt(held.folder, held.attempt)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = _in_words(error, workspace)
        _end(engine, held, lambda conn: queue.fail(conn, held, reason))
        return
    with _LogFile(folder / "log.jsonl") as file:
        log = structlog.wrap_logger(
            structlog.PrintLogger(file),  # type: ignore[arg-type]
            processors=[
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(),
            ],
        ).bind(job=held.job_id, attempt=held.attempt, kind=held.kind)
        context = JobContext(workspace, engine, held, threads=threads, log=log)
        log.info("started")
        try:
            with freed_memory_kept():
                handlers[held.kind](context)
            log.info("done")
        except queue.GivenUp as error:
            log.warning("given up", reason=str(error))
        except Cancelled:
            _end(engine, held, lambda conn: queue.mark_cancelled(conn, held))
            log.info("cancelled")
        except Exception as caught:  # whatever a handler raises must end in the job's row
            reason = _in_words(caught, workspace)
            kind = caught.kind if isinstance(caught, JobRefused) else None
            _end(engine, held, lambda conn: queue.fail(conn, held, reason, kind))
            log.error("failed", reason=reason, trace=traceback.format_exc())


class _LogFile:
    """A log's text file, which a full disk cuts short: the job's row says that it is full."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._file = None
        with suppress(OSError):
            self._file = open(self._path, "ab", buffering=0)
        return self

    def write(self, text: str) -> None:
        """Write now what the disk takes."""
        if self._file is not None:
            with suppress(OSError):
                self._file.write(text.encode())

    def flush(self) -> None:
        """Nothing waits."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()


def _in_words(caught: Exception, workspace: Workspace) -> str:
    if isinstance(caught, OSError):
        return durable.in_words(caught, workspace.root)
    meant = (JobRefused, ValueError, Damaged, Unknown)
    return str(caught) if isinstance(caught, meant) else repr(caught)


def _end(engine: Engine, held: queue.Claim, write: Callable[..., None]) -> None:
    try:
        with writing(engine, held.project_id) as conn:
            write(conn)
    except queue.GivenUp:
        return
