"""The job table: enqueue, claim, report, finish, cancel, reclaim.

Every write of a worker says `WHERE id = ? AND attempt = ?`. A worker that was given up (stopped,
then reclaimed) therefore changes nothing when it wakes: its first write touches no row and it ends.
"""

import re
import socket
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, Update, select, update

from sslapp.jobs.lock import is_held
from sslapp.store.database import reading, writing
from sslapp.store.schema import job
from sslapp.vocabulary import FailureKind, JobKind, JobState
from sslapp.workspace import Workspace

MAX_ATTEMPTS = 5
"""How often a job that dies is tried before it is failed."""

HUNG_AFTER = timedelta(minutes=10)
"""How long a running job may show no sign of life before it is given up."""

AGAIN = "It is tried again by itself: when a worker starts, and every hour while one runs."
"""What the reason of a failed job says then, if nobody but the program may resume it."""

_FAILURE = "failure"
"""Name of the kind in a failed job's result."""

ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class GivenUp(Exception):
    """Another attempt owns the job now; this one must write nothing more."""


@dataclass(frozen=True)
class Claim:
    """One attempt at one job, as its worker holds it."""

    job_id: int
    attempt: int
    project_id: int
    kind: JobKind
    params: Mapping[str, Any]
    reader_id: int | None
    folder: str


def now() -> datetime:
    """The server's clock, UTC without zone, as the database keeps times."""
    return datetime.now(UTC).replace(tzinfo=None)


def enqueue(
    conn: Connection,
    project_id: int,
    kind: JobKind,
    params: Mapping[str, Any],
    reader_id: int | None = None,
) -> int:
    """Add a job and return its id; it starts when a worker is free."""
    values = {
        "project_id": project_id,
        "kind": kind,
        # not its id: an older database that is put back gives ids out again, and their files lie
        "folder": f"{kind}-{uuid.uuid4().hex[:12]}",
        "params": dict(params),
        "reader_id": reader_id,
        "state": JobState.QUEUED,
        "created_at": now(),
    }
    inserted = conn.execute(job.insert().values(values)).inserted_primary_key
    assert inserted is not None
    return int(inserted[0])


def set_params(conn: Connection, job_id: int, params: Mapping[str, Any]) -> None:
    """Give a job its parameters, in the transaction that queued it."""
    conn.execute(update(job).where(job.c.id == job_id).values(params=dict(params)))


def read_job(conn: Connection, job_id: int) -> RowMapping:
    """The job's row.

    Raises:
        ValueError: when there is no such job.
    """
    row = find_job(conn, job_id)
    if row is None:
        raise ValueError(f"There is no job {job_id}.")
    return row


def find_job(conn: Connection, job_id: int) -> RowMapping | None:
    """The job's row, or None."""
    return conn.execute(select(job).where(job.c.id == job_id)).mappings().one_or_none()


def claim(engine: Engine, pid: int, *, light: bool = False) -> Claim | None:
    """Take the oldest queued job, unless this machine already runs one; a light one beside another.

    Args:
        pid: of the worker.
        light: take light jobs alone.
    """
    host = socket.gethostname()
    with writing(engine) as conn:
        runs = select(job.c.kind).where(job.c.state == JobState.RUNNING, job.c.host == host)
        busy = {JobKind(each).light for each in conn.execute(runs).scalars()}
        free = [each for each in JobKind if each.light not in busy and (each.light or not light)]
        waiting = (
            select(job)
            .where(job.c.state == JobState.QUEUED, job.c.kind.in_(free))
            .order_by(job.c.id)
        )
        row = conn.execute(waiting.limit(1).with_for_update(skip_locked=True)).mappings().first()
        if row is None:
            return None
        started = {
            "state": JobState.RUNNING,
            "attempt": row["attempt"] + 1,
            "host": host,
            "pid": pid,
            "beat": now(),
            "started_at": now(),
            "error": None,
        }
        conn.execute(update(job).where(job.c.id == row["id"]).values(started))
    return Claim(
        job_id=row["id"],
        attempt=row["attempt"] + 1,
        project_id=row["project_id"],
        kind=JobKind(row["kind"]),
        params=row["params"],
        reader_id=row["reader_id"],
        folder=row["folder"],
    )


def light_waits(conn: Connection) -> bool:
    """Whether a light job waits while this machine's worker is at another one."""
    host = socket.gethostname()
    light = [each for each in JobKind if each.light]
    queued = select(job.c.id).where(job.c.state == JobState.QUEUED, job.c.kind.in_(light))
    if conn.execute(queued.limit(1)).first() is None:
        return False
    runs = select(job.c.kind).where(job.c.state == JobState.RUNNING, job.c.host == host)
    kinds = {JobKind(each).light for each in conn.execute(runs).scalars()}
    return kinds == {False}


def _owned(held: Claim) -> Update:
    return update(job).where(
        job.c.id == held.job_id,
        job.c.attempt == held.attempt,
        job.c.state == JobState.RUNNING,
    )


def write_owned(conn: Connection, held: Claim, **values: Any) -> None:
    """Change the job's row as its owner.

    Raises:
        GivenUp: when the attempt no longer owns the job; the transaction must be left.
    """
    if conn.execute(_owned(held).values(values)).rowcount != 1:
        raise GivenUp(f"Job {held.job_id}: attempt {held.attempt} was given up.")


def beat(conn: Connection, held: Claim, step: int, total: int, message: str) -> bool:
    """Show a sign of life and the progress; return whether a cancel was asked for."""
    write_owned(conn, held, beat=now(), step=step, total=total, message=message[:400])
    return bool(conn.execute(select(job.c.cancel).where(job.c.id == held.job_id)).scalar_one())


def finish(conn: Connection, held: Claim, result: Mapping[str, Any]) -> None:
    """Mark the job done, in the transaction that publishes what it made."""
    said = {"result": dict(result), "finished_at": now(), "beat": now(), "step": job.c.total}
    write_owned(conn, held, state=JobState.DONE, **said)


def fail(conn: Connection, held: Claim, error: str, kind: FailureKind | None = None) -> None:
    """Mark the job failed, with the reason and the mend, and its kind if a reader may decide."""
    result = None if kind is None else {_FAILURE: kind}
    error = f"{error} {AGAIN}" if held.kind.tried_again else error
    write_owned(conn, held, state=JobState.FAILED, error=error, result=result, finished_at=now())


def failure_of(row: RowMapping) -> FailureKind | None:
    """Of which kind a job's failure is; None when it did not fail, or there is nothing to decide.

    Args:
        row: of the job.
    """
    if row["state"] != JobState.FAILED or _FAILURE not in (row["result"] or {}):
        return None
    return FailureKind(row["result"][_FAILURE])


def mark_cancelled(conn: Connection, held: Claim) -> None:
    """Mark the job cancelled after it stopped at a step boundary."""
    write_owned(conn, held, state=JobState.CANCELLED, finished_at=now())


def cancel(conn: Connection, job_id: int) -> JobState:
    """Ask a job to stop: a queued one is cancelled now, a running one at its next step.

    Returns:
        The state after the call; an ended job stays as it is.
    """
    this = update(job).where(job.c.id == job_id)
    waiting = this.where(job.c.state == JobState.QUEUED)
    conn.execute(waiting.values(state=JobState.CANCELLED, cancel=True, finished_at=now()))
    conn.execute(this.where(job.c.state == JobState.RUNNING).values(cancel=True))
    return JobState(read_job(conn, job_id)["state"])


def set_result(conn: Connection, job_id: int, result: Mapping[str, Any]) -> None:
    """Replace what an ended job says that it made."""
    conn.execute(update(job).where(job.c.id == job_id).values(result=dict(result)))


def end_all(conn: Connection, kinds: Collection[JobKind], why: str) -> None:
    """Mark cancelled every job of these kinds that has not ended; no worker may hold one."""
    under_way = update(job).where(job.c.kind.in_(kinds), job.c.state.not_in(ENDED))
    conn.execute(under_way.values(state=JobState.CANCELLED, error=why, finished_at=now()))


def requeue(conn: Connection, job_id: int, changes: Mapping[str, Any] | None = None) -> None:
    """Queue a failed or cancelled job again; its next attempt resumes from its files.

    Args:
        changes: parameters to add or replace.

    Raises:
        ValueError: when the job has not ended or is done.
    """
    row = read_job(conn, job_id)
    if row["state"] not in (JobState.FAILED, JobState.CANCELLED):
        raise ValueError(f"Job {job_id} is {row['state']}: only a failed or cancelled one resumes.")
    values = {
        "state": JobState.QUEUED,
        "cancel": False,
        "error": None,
        "finished_at": None,
        "params": {**row["params"], **(changes or {})},
    }
    conn.execute(update(job).where(job.c.id == job_id).values(values))


def take_up_again(engine: Engine, rest: timedelta) -> list[int]:
    """Queue again the failed jobs that are tried again by themselves, and return their ids.

    Args:
        rest: how long ago they must have failed.
    """
    kinds = [each for each in JobKind if each.tried_again]
    failed = (job.c.kind.in_(kinds), job.c.state == JobState.FAILED)
    due = (*failed, job.c.finished_at <= now() - rest)
    with reading(engine) as conn:
        ids = [*conn.execute(select(job.c.id).where(*due)).scalars()]
    if ids:
        with writing(engine) as conn:
            again = {"state": JobState.QUEUED, "cancel": False, "finished_at": None}
            conn.execute(update(job).where(job.c.id.in_(ids), *due).values(again))
    return ids


def reclaim(
    engine: Engine,
    workspace: Workspace,
    *,
    hung_after: timedelta = HUNG_AFTER,
    pid: int | None = None,
) -> list[int]:
    """Queue again the running jobs whose worker is dead or hung, and return their ids.

    Dead: the worker's lock is free (same machine). Hung, or on another machine: no sign of life
    for `hung_after`. A job that died MAX_ATTEMPTS times is failed instead.

    Args:
        pid: the caller's own process id if it is a worker that runs nothing yet; a job under the
            same id then belongs to a dead namesake (containers number from 1 at every start).
    """
    with reading(engine) as conn:
        running = conn.execute(select(job).where(job.c.state == JobState.RUNNING)).mappings().all()
    lost = [row for row in running if _is_lost(workspace, row, hung_after, pid)]
    if not lost:
        return []
    with writing(engine) as conn:
        for row in lost:
            same = update(job).where(
                job.c.id == row["id"],
                job.c.attempt == row["attempt"],
                job.c.state == JobState.RUNNING,
            )
            conn.execute(same.values(_after_loss(row)))
    return [int(row["id"]) for row in lost]


def _is_lost(
    workspace: Workspace, row: RowMapping, hung_after: timedelta, own_pid: int | None
) -> bool:
    if now() - row["beat"] > hung_after:
        return True
    if row["host"] != socket.gethostname():
        return False
    if row["pid"] == own_pid:
        return True
    locks = (lock_path(workspace, row["host"], row["pid"], light=each) for each in (False, True))
    return not any(is_held(each) for each in locks)


def _after_loss(row: RowMapping) -> dict[str, Any]:
    if row["cancel"]:
        return {"state": JobState.CANCELLED, "finished_at": now()}
    if row["attempt"] >= MAX_ATTEMPTS:
        again = JobKind(row["kind"]).tried_again
        reason = (
            f"The worker died {row['attempt']} times on this job, the last time at step "
            f"{row['step']} of {row['total']}. See the log"
            f"{f'. {AGAIN}' if again else '; then resume it or start a new one.'}"
        )
        return {"state": JobState.FAILED, "error": reason, "finished_at": now()}
    return {"state": JobState.QUEUED}


def lock_path(workspace: Workspace, host: str, pid: int, *, light: bool = False) -> Path:
    """The file whose flock the worker process holds for life."""
    return workspace.root / "workers" / f"{host}-{pid}{'-light' * light}.lock"


def worker_alive(workspace: Workspace, *, light: bool = False) -> bool:
    """Whether a worker process lives on this workspace and machine, busy or not.

    A lock of another machine says nothing here: not every shared folder carries locks.

    Args:
        light: whether the worker is meant that takes light jobs alone.
    """
    mine = re.compile(rf"{re.escape(socket.gethostname())}-\d+{'-light' * light}\.lock")
    locks = (workspace.root / "workers").glob("*.lock")
    return any(mine.fullmatch(lock.name) and is_held(lock) for lock in locks)


def worker_seen(conn: Connection, workspace: Workspace) -> bool:
    """Whether some worker takes this workspace's jobs: one of this machine, or one elsewhere that
    is at a job and has shown a sign of life of late."""
    elsewhere = select(job.c.id).where(
        job.c.state == JobState.RUNNING,
        job.c.host != socket.gethostname(),
        job.c.beat > now() - HUNG_AFTER,
    )
    return worker_alive(workspace) or conn.execute(elsewhere.limit(1)).first() is not None
