"""Live work: the jobs that wait, run or failed last, with what they report meanwhile."""

from dataclasses import dataclass
from itertools import takewhile

from sqlalchemy import Connection, RowMapping, select

from sslapp.jobs import queue
from sslapp.store.database import reading
from sslapp.store.schema import job, round_, round_metric, snapshot
from sslapp.usecases.access import Access, require
from sslapp.usecases.jobs import eta
from sslapp.vocabulary import JobKind, JobState

LOG_TAIL = 16_384
"""Bytes of a job's log that are read from its end."""

FAILURES = 3
"""Failures in a row that are told; the first of them is often the cause of the others."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """A job that waits, runs, or failed last.

    Attributes:
        round_number, method: of a round; else None.
        eta: seconds left by its pace so far, or None.
        metrics: name -> [(step, value), ...] that a round reported.
        holdout: labelled holdout images of a round's snapshot.
    """

    id: int
    kind: JobKind
    state: JobState
    step: int
    total: int
    message: str
    attempt: int
    cancelling: bool
    error: str | None
    eta: float | None
    round_number: int | None
    method: str | None
    metrics: dict[str, list[tuple[int, float]]]
    holdout: int


@dataclass(frozen=True)
class Progress:
    """The project's live work.

    Attributes:
        active: running and queued jobs, oldest first.
        failed: the newest jobs if they failed, oldest first, at most FAILURES.
        worker_alive: whether a worker process lives on this machine.
    """

    active: list[Work]
    failed: list[Work]
    worker_alive: bool

    @property
    def signature(self) -> tuple[tuple[int, str], ...]:
        """Changes when a job starts, ends, or joins: then the rest of the page is out of date."""
        return tuple((each.id, each.state) for each in self.active)


def progress(access: Access, project_id: int) -> Progress:
    """What runs and waits in the project; cheap enough to ask every second."""
    query = (
        select(
            job,
            round_.c.id.label("round_id"),
            round_.c.number,
            round_.c.method,
            snapshot.c.counts,
        )
        .join(round_, round_.c.job_id == job.c.id, isouter=True)
        .join(snapshot, snapshot.c.id == round_.c.snapshot_id, isouter=True)
        .where(job.c.project_id == project_id)
        .order_by(job.c.id.desc())
    )
    active = query.where(job.c.state.in_([JobState.QUEUED, JobState.RUNNING]))
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        rows = conn.execute(active).mappings().all()
        newest = conn.execute(query.limit(FAILURES)).mappings().all()
        failed = list(takewhile(lambda row: row["state"] == JobState.FAILED, newest))
        return Progress(
            active=[_work(conn, row) for row in reversed(rows)],
            failed=[_work(conn, row) for row in reversed(failed)],
            worker_alive=queue.worker_alive(access.workspace),
        )


def _work(conn: Connection, row: RowMapping) -> Work:
    return Work(
        id=row["id"],
        kind=JobKind(row["kind"]),
        state=JobState(row["state"]),
        step=row["step"],
        total=row["total"],
        message=row["message"],
        attempt=row["attempt"],
        cancelling=row["cancel"],
        error=row["error"],
        eta=eta(row["state"], row["step"], row["total"], row["started_at"]),
        round_number=row["number"],
        method=row["method"],
        metrics={} if row["round_id"] is None else _metrics(conn, row["round_id"]),
        holdout=(row["counts"] or {}).get("validation", 0),
    )


def _metrics(conn: Connection, round_id: int) -> dict[str, list[tuple[int, float]]]:
    rows = conn.execute(
        select(round_metric.c.name, round_metric.c.step, round_metric.c.value)
        .where(round_metric.c.round_id == round_id)
        .order_by(round_metric.c.step)
    )
    found: dict[str, list[tuple[int, float]]] = {}
    for name, step, value in rows:
        found.setdefault(name, []).append((step, value))
    return found


def log_tail(access: Access, job_id: int, lines: int = 40) -> str:
    """The last lines of the log of a job's newest attempt; "" when there is none yet."""
    with reading(access.engine) as conn:
        row = queue.read_job(conn, job_id)
        require(conn, access, row["project_id"])
    path = access.workspace.attempt(job_id, row["attempt"]) / "log.jsonl"
    if not path.exists():
        return ""
    with open(path, "rb") as file:
        file.seek(max(path.stat().st_size - LOG_TAIL, 0))
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])
