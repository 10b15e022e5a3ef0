"""What a running job sees of the queue: its parameters, folders, log, progress and cancel flag."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine

from sslapp.jobs import queue
from sslapp.jobs.queue import Claim
from sslapp.store.database import writing
from sslapp.store.integrity import files
from sslapp.store.integrity.files import Recorded
from sslapp.store.projects import is_deleted
from sslapp.workspace import Workspace

BEAT_EVERY = 0.5
"""Seconds between two writes of the progress."""

PASSING = ("log.jsonl", "stages", "chunks", "views.safetensors")
"""What lies in an attempt's folder and is not on record: a log; stages, whose names carry their
hash; pieces that are joined at the end; pictures for who watches a training."""


class Cancelled(Exception):
    """The job was cancelled; its handler left at a step boundary."""


class JobContext:
    """One attempt at one job.

    Attributes:
        workspace, engine: where to read and write.
        claim: the job's id, attempt, project and parameters.
        threads: how many threads the worker was told to use; None leaves it to the plan.
        log: a structured log that goes to the attempt's file.
    """

    def __init__(
        self,
        workspace: Workspace,
        engine: Engine,
        claim: Claim,
        *,
        threads: int | None,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self.workspace = workspace
        self.engine = engine
        self.claim = claim
        self.threads = threads
        self.log = log
        self._last_beat = 0.0
        self._stop = False
        self._shown = (0, 0, "")

    @property
    def folder(self) -> Path:
        """Where this attempt writes."""
        return self.workspace.attempt(self.claim.folder, self.claim.attempt)

    @property
    def earlier(self) -> tuple[Path, ...]:
        """Folders of the attempts before, oldest first; for reading."""
        before = range(1, self.claim.attempt)
        return tuple(self.workspace.attempt(self.claim.folder, number) for number in before)

    def progress(
        self,
        step: int,
        total: int,
        message: str = "",
        also: Callable[[Connection], object] | None = None,
    ) -> None:
        """Show the progress; written at most every BEAT_EVERY seconds, and always with `also`.

        Args:
            also: further rows to write in the same transaction.

        Raises:
            GivenUp: when another attempt owns the job.
        """
        self._shown = (step, total, message)
        if also is not None or time.monotonic() - self._last_beat >= BEAT_EVERY:
            self._beat(also)

    def should_stop(self) -> bool:
        """Whether a cancel was asked for; cheap enough for every step.

        Raises:
            GivenUp: when another attempt owns the job.
        """
        if time.monotonic() - self._last_beat >= BEAT_EVERY:
            self._beat(None)
        return self._stop

    def check(self) -> None:
        """Leave the job if a cancel was asked for.

        Raises:
            Cancelled: then.
        """
        if self.should_stop():
            raise Cancelled

    def _beat(self, also: Callable[[Connection], object] | None) -> None:
        with writing(self.engine, self.claim.project_id) as conn:
            self._stop = queue.beat(conn, self.claim, *self._shown)
            if also is not None:
                also(conn)
        self._last_beat = time.monotonic()

    def written(self) -> list[Recorded]:
        """What the attempt's files hold, of those that stay: not the log, stages or pieces."""
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return files.describe(self.workspace, [path for path in paths if self._stays(path)])

    def _stays(self, path: Path) -> bool:
        top = path.relative_to(self.folder).parts[0]
        return top not in PASSING and path.suffix != ".tmp"

    @contextmanager
    def finishing(
        self, result: dict[str, Any], written: Sequence[Recorded] | None = None
    ) -> Iterator[Connection]:
        """The job's last transaction: what is written in it and `result` appear together or not.

        `result` may still be filled inside the block. Files of the attempt go on record.

        Args:
            written: they, if the caller asked for them already.

        Raises:
            GivenUp: when another attempt owns the job; nothing is written.
            Cancelled: when the project was deleted meanwhile; neither.
        """
        found = self.written() if written is None else written
        with writing(self.engine, self.claim.project_id) as conn:
            queue.write_owned(conn, self.claim, beat=queue.now())
            lives_on = self.claim.kind.outlives_its_project
            if not lives_on and is_deleted(conn, self.claim.project_id):
                raise Cancelled
            files.record(conn, self.claim.project_id, found)
            yield conn
            queue.finish(conn, self.claim, result)


Handler = Callable[[JobContext], None]
Handlers = Mapping[str, Handler]
