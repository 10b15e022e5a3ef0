"""The reader's projects at a glance, without reading any of them whole."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from sslapp.store import images, readers
from sslapp.store.database import reading
from sslapp.store.projects import ProjectRow, list_projects
from sslapp.store.schema import current_label, event, job, label_class, round_
from sslapp.usecases.access import Access
from sslapp.vocabulary import JobState, Role


@dataclass(frozen=True, kw_only=True)
class ProjectLine:
    """One project of the list.

    Attributes:
        images, labelled: how many there are; labels of retired classes do not count.
        round_number, round_state: of the newest round, or None.
        working: how many jobs wait or run.
        event: number of the newest event, 0 for none.
        last_activity: of that event, UTC; of the project's creation before the first.
        role: the reader's own.
    """

    id: int
    name: str
    images: int
    labelled: int
    round_number: int | None
    round_state: JobState | None
    working: int
    event: int
    last_activity: datetime
    role: Role


def known_projects(access: Access) -> list[ProjectRow]:
    """The projects the reader is a member of, in order of creation."""
    with reading(access.engine) as conn:
        rows = list_projects(conn)
        return [row for row in rows if readers.role_of(conn, row.id, access.reader_id) is not None]


def project_list(access: Access) -> list[ProjectLine]:
    """The projects the reader is a member of, latest activity first."""
    with reading(access.engine) as conn:
        lines = [
            _line(conn, row, role)
            for row in list_projects(conn)
            if (role := readers.role_of(conn, row.id, access.reader_id)) is not None
        ]
    return sorted(lines, key=lambda line: line.last_activity, reverse=True)


def _line(conn: Connection, row: ProjectRow, role: Role) -> ProjectLine:
    newest = conn.execute(
        select(round_.c.number, job.c.state)
        .join(job, job.c.id == round_.c.job_id)
        .where(round_.c.project_id == row.id)
        .order_by(round_.c.number.desc())
        .limit(1)
    ).one_or_none()
    latest = conn.execute(
        select(event.c.number, event.c.at)
        .where(event.c.project_id == row.id)
        .order_by(event.c.number.desc())
        .limit(1)
    ).one_or_none()
    working = select(func.count()).where(
        job.c.project_id == row.id, job.c.state.in_([JobState.QUEUED, JobState.RUNNING])
    )
    labelled = select(func.count()).where(
        current_label.c.project_id == row.id,
        current_label.c.class_id == label_class.c.id,
        ~label_class.c.retired,
    )
    return ProjectLine(
        id=row.id,
        name=row.name,
        images=images.image_count(conn, row.id),
        labelled=conn.execute(labelled).scalar_one(),
        round_number=None if newest is None else newest.number,
        round_state=None if newest is None else JobState(newest.state),
        working=conn.execute(working).scalar_one(),
        event=0 if latest is None else latest.number,
        last_activity=row.created_at if latest is None else latest.at,
        role=role,
    )
