"""Jobs as they stand: what waits and runs in a project, what came last, what is ahead of one."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, func, select

from sslapp.store.schema import job
from sslapp.vocabulary import JobKind, JobState

ACTIVE = (JobState.QUEUED, JobState.RUNNING)


def active_jobs(conn: Connection, project_id: int) -> Sequence[RowMapping]:
    """The running and queued jobs of a project, oldest first."""
    query = select(job).where(job.c.project_id == project_id, job.c.state.in_(ACTIVE))
    return conn.execute(query.order_by(job.c.id)).mappings().all()


def newest_jobs(
    conn: Connection, project_id: int, limit: int | None = None, *, kind: JobKind | None = None
) -> Sequence[RowMapping]:
    """The jobs of a project in any state, of one kind if named, newest first, at most `limit`."""
    query = select(job).where(job.c.project_id == project_id)
    if kind is not None:
        query = query.where(job.c.kind == kind)
    return conn.execute(query.order_by(job.c.id.desc()).limit(limit)).mappings().all()


def newest_done(conn: Connection, project_id: int, kind: JobKind) -> RowMapping | None:
    """The newest job of a kind that has done its work, or None."""
    done = (job.c.project_id == project_id) & (job.c.kind == kind) & (job.c.state == JobState.DONE)
    return (
        conn.execute(select(job).where(done).order_by(job.c.id.desc()).limit(1)).mappings().first()
    )


def done_of_kind(conn: Connection, kind: JobKind, limit: int) -> Sequence[RowMapping]:
    """The newest jobs of a kind, of all projects, that have done their work, newest first."""
    done = (job.c.kind == kind) & (job.c.state == JobState.DONE)
    return (
        conn.execute(select(job).where(done).order_by(job.c.id.desc()).limit(limit))
        .mappings()
        .all()
    )


def under_way(
    conn: Connection, kind: JobKind, project_id: int | None = None
) -> Sequence[RowMapping]:
    """The jobs of a kind that have not ended, of one project if named, oldest first."""
    query = select(job).where(job.c.kind == kind, job.c.state.in_(ACTIVE))
    if project_id is not None:
        query = query.where(job.c.project_id == project_id)
    return conn.execute(query.order_by(job.c.id)).mappings().all()


def not_done(conn: Connection, kind: JobKind) -> Sequence[RowMapping]:
    """The jobs of a kind, of all projects, that wait, run or have failed, newest first."""
    states = (*ACTIVE, JobState.FAILED)
    query = select(job).where(job.c.kind == kind, job.c.state.in_(states))
    return conn.execute(query.order_by(job.c.id.desc())).mappings().all()


def jobs_by_id(conn: Connection, job_ids: Sequence[int]) -> dict[int, RowMapping]:
    """Id -> the job's row, for those that are there."""
    query = select(job).where(job.c.id.in_(list(job_ids)))
    return {row["id"]: row for row in conn.execute(query).mappings()}


def count_ahead(conn: Connection, job_id: int) -> int:
    """How many jobs of any project run, or wait and began to wait before this one."""
    waits_before = (job.c.state == JobState.QUEUED) & (job.c.id < job_id)
    query = select(func.count()).where((job.c.state == JobState.RUNNING) | waits_before)
    return int(conn.execute(query).scalar_one())
