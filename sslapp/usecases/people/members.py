"""Who may do what in a project."""

from dataclasses import dataclass

from sqlalchemy import Connection

from sslapp.store import projects
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.people import readers
from sslapp.usecases.access import Access, find_project, require
from sslapp.vocabulary import Role


@dataclass(frozen=True)
class Member:
    """A reader of a project; one who is not active may do nothing."""

    reader_id: int
    name: str
    role: Role
    active: bool


def members(access: Access, project: str | int | None) -> list[Member]:
    """The project's members by name."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        return _members(conn, project_id)


def grant(access: Access, project: str | int | None, reader: str, role: Role) -> None:
    """Give a reader a role in the project; an unknown reader is added.

    Raises:
        NotAllowed: when the caller is neither an admin of the project nor of the server.
        Refused: when the project would be left without an admin.
    """
    with writing(access.engine) as conn:
        project_id = _administered(conn, access, project)
        readers.grant(conn, project_id, readers.ensure_reader(conn, reader), role)
        _check_an_admin_is_left(conn, project_id)


def remove(access: Access, project: str | int | None, reader_id: int) -> None:
    """Take a reader out of the project; what they decided stays.

    Raises:
        NotAllowed: when the caller is neither an admin of the project nor of the server.
        Refused: when they are no member, or the project would be left without an admin.
    """
    with writing(access.engine) as conn:
        project_id = _administered(conn, access, project)
        if not readers.revoke(conn, project_id, reader_id):
            raise Refused("This reader is not a member of the project.")
        _check_an_admin_is_left(conn, project_id)


def _administered(conn: Connection, access: Access, project: str | int | None) -> int:
    if access.server_admin:
        known = projects.list_projects(conn)
        named = [row.id for row in known if project in (row.name, row.id)]
        if named:
            return named[0]
    project_id = find_project(conn, access, project)
    require(conn, access, project_id, Role.ADMIN)
    return project_id


def _members(conn: Connection, project_id: int) -> list[Member]:
    return [
        Member(row.id, row.name, role, row.active)
        for row, role in readers.members(conn, project_id)
    ]


def _check_an_admin_is_left(conn: Connection, project_id: int) -> None:
    there = _members(conn, project_id)
    if not any(each.role is Role.ADMIN and each.active for each in there):
        raise Refused("The project's last admin stays. Make somebody else an admin first.")
