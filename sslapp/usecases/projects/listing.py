"""The reader's projects at a glance, without reading any of them whole."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from sslapp.jobs import history, queue
from sslapp.store import images, rounds
from sslapp.store.database import reading
from sslapp.store.people import readers
from sslapp.store.projects import ProjectRow, label_count, last_event, list_projects
from sslapp.usecases.access import Access
from sslapp.vocabulary import JobState, Role

__all__ = ["ProjectLine", "ProjectRow", "known_projects", "project_list"]


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
    number = rounds.newest_number(conn, row.id)
    job = queue.read_job(conn, rounds.find_round(conn, row.id, number).job_id) if number else None
    latest = last_event(conn, row.id)
    return ProjectLine(
        id=row.id,
        name=row.name,
        images=images.image_count(conn, row.id),
        labelled=label_count(conn, row.id),
        round_number=number or None,
        round_state=None if job is None else JobState(job["state"]),
        working=len(history.active_jobs(conn, row.id)),
        event=0 if latest is None else latest[0],
        last_activity=row.created_at if latest is None else latest[1],
        role=role,
    )
