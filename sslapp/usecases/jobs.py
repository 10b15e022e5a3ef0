"""Follow and cancel jobs of any kind."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping

from sslapp.jobs import history, queue
from sslapp.store import projects
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.people import readers
from sslapp.usecases.access import Access, NotAllowed, find_project, require
from sslapp.vocabulary import JobKind, JobState, Role


def job_status(access: Access, job_id: int) -> dict[str, Any]:
    """The job's row, with `eta`: seconds left by the pace of this attempt, or None."""
    with reading(access.engine) as conn:
        row = dict(_seen(conn, access, job_id))
    return {**row, "eta": eta(row["state"], row["step"], row["total"], row["started_at"])}


def jobs_before(access: Access, job_id: int) -> list[dict[str, Any]]:
    """The rows of jobs of the same project that were begun before and have not ended."""
    with reading(access.engine) as conn:
        active = history.active_jobs(conn, _seen(conn, access, job_id)["project_id"])
        return [dict(row) for row in active if row["id"] < job_id]


def _seen(conn: Connection, access: Access, job_id: int) -> RowMapping:
    """A job's row, for whoever may see it."""
    row = queue.read_job(conn, job_id)
    own_removal = row["kind"] == JobKind.REMOVAL and row["reader_id"] == access.reader_id
    if not own_removal:  # whose project may be deleted, and then has no members
        require(conn, access, row["project_id"])
    return row


def jobs_of(access: Access, project: str | int | None, newest: int) -> list[dict[str, Any]]:
    """The rows of a project's jobs, newest first: all that have not ended, and the newest others.

    Before them those that still have to delete files of projects that the reader deleted.

    Args:
        newest: how many of those that have ended.
    """
    with reading(access.engine) as conn:
        there = projects.list_projects(conn, deleted=True)
        gone = {each.id for each in there if each.deleted}
        left = [
            dict(row)
            for row in history.not_done(conn, JobKind.REMOVAL)
            if row["project_id"] in gone and row["reader_id"] == access.reader_id
        ]
        rows: list[dict[str, Any]] = []
        if not left or project is not None or len(gone) < len(there):
            project_id = find_project(conn, access, project)
            rows = [dict(row) for row in history.newest_jobs(conn, project_id)]
    ended = [row["id"] for row in rows if row["state"] in queue.ENDED][:newest]
    return left + [row for row in rows if row["id"] in ended or row["state"] not in queue.ENDED]


def eta(state: str, step: int, total: int, started_at: datetime | None) -> float | None:
    """Seconds left if the job goes on as fast as it did since it started."""
    if state != JobState.RUNNING or started_at is None or not 0 < step <= total:
        return None
    return (queue.now() - started_at).total_seconds() / step * (total - step)


def cancel_job(access: Access, job_id: int) -> JobState:
    """Ask a job to stop.

    Raises:
        NotAllowed: when the reader neither started it nor is an admin.
    """
    with writing(access.engine) as conn:
        require_control(conn, access, queue.read_job(conn, job_id))
        return queue.cancel(conn, job_id)


def worker_alive(access: Access) -> bool:
    """Whether a worker process lives on the workspace on this machine, busy or not."""
    return queue.worker_alive(access.workspace)


def may_control(conn: Connection, access: Access, project_id: int, started_by: int | None) -> bool:
    """Whether a member may cancel and resume a job: its starter, and admins of project or server.

    Args:
        started_by: id of the reader who started it.
    """
    if access.server_admin or started_by == access.reader_id:
        return True
    return readers.role_of(conn, project_id, access.reader_id) is Role.ADMIN


def require_control(conn: Connection, access: Access, row: RowMapping) -> None:
    """Check that the reader may cancel and resume a job.

    Args:
        row: of the job.

    Raises:
        NotAllowed: when not.
        Refused: when nobody may, for it deletes what nothing names any more.
    """
    require(conn, access, row["project_id"])
    if row["kind"] == JobKind.REMOVAL:
        raise Refused(
            f"Job {row['id']} deletes files that nothing needs any more. Stopped half-way they "
            "would stay for good: let it end."
        )
    if not may_control(conn, access, row["project_id"], row["reader_id"]):
        raise NotAllowed(
            f"Job {row['id']} was started by somebody else. They or an admin of the project can "
            "cancel and resume it."
        )
