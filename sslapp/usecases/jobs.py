"""Follow and cancel jobs of any kind."""

from datetime import datetime
from typing import Any

from sslapp.jobs import queue
from sslapp.store.database import reading, writing
from sslapp.usecases.access import Access, require
from sslapp.vocabulary import JobState


def job_status(access: Access, job_id: int) -> dict[str, Any]:
    """The job's row, with `eta`: seconds left by the pace of this attempt, or None."""
    with reading(access.engine) as conn:
        row = dict(queue.read_job(conn, job_id))
        require(conn, access, row["project_id"])
    return {**row, "eta": eta(row["state"], row["step"], row["total"], row["started_at"])}


def eta(state: str, step: int, total: int, started_at: datetime | None) -> float | None:
    """Seconds left if the job goes on as fast as it did since it started."""
    if state != JobState.RUNNING or started_at is None or not 0 < step <= total:
        return None
    return (queue.now() - started_at).total_seconds() / step * (total - step)


def cancel_job(access: Access, job_id: int) -> JobState:
    """Ask a job to stop."""
    with writing(access.engine) as conn:
        require(conn, access, queue.read_job(conn, job_id)["project_id"])
        return queue.cancel(conn, job_id)
