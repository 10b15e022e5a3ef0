"""Who may use the server at all: readers are set inactive and active again, never deleted."""

from dataclasses import dataclass

from sqlalchemy import Connection

from sslapp.store import projects
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused, Unknown
from sslapp.store.people import readers
from sslapp.usecases.access import Access, NotAllowed, require_server_admin
from sslapp.vocabulary import Role


@dataclass(frozen=True)
class ServerReader:
    """Somebody who ever signed in or was given a role; `projects`: how many they are a member of.

    One who is not active may do nothing; what they decided stays.
    """

    reader_id: int
    name: str
    active: bool
    projects: int


def server_readers(access: Access) -> list[ServerReader]:
    """All readers of the server by name.

    Raises:
        NotAllowed: when the caller is no server admin.
    """
    require_server_admin(access, "see the readers of the whole server")
    with reading(access.engine) as conn:
        return [
            ServerReader(row.id, row.name, row.active, count)
            for row, count in readers.memberships(conn)
        ]


def deactivate(access: Access, name: str) -> None:
    """Shut a reader out of the server at once, whatever page they have open.

    Raises:
        NotAllowed: when the caller is no server admin, or is inactive by now.
        Unknown: when there is no such reader.
        Refused: when it is the caller, or a project would be left without an admin.
    """
    require_server_admin(access, "set a reader inactive")
    with writing(access.engine) as conn:
        _check_still_active(conn, access)
        row = _named(conn, name)
        if row.id == access.reader_id:
            raise Refused("Nobody sets themselves inactive. Ask another server admin.")
        readers.set_active(conn, row.id, False)
        _check_admins_are_left(conn, row)


def activate(access: Access, name: str) -> None:
    """Let a reader in again, with the roles they had.

    Raises:
        NotAllowed: when the caller is no server admin, or is inactive by now.
        Unknown: when there is no such reader.
    """
    require_server_admin(access, "set a reader active")
    with writing(access.engine) as conn:
        _check_still_active(conn, access)
        readers.set_active(conn, _named(conn, name).id, True)


def _check_still_active(conn: Connection, access: Access) -> None:
    """Of two admins who shut each other out at once, one is to be there afterwards."""
    if not _named(conn, access.reader).active:
        raise NotAllowed(f"{access.reader} is set inactive on this server.")


def _named(conn: Connection, name: str) -> readers.ReaderRow:
    row = readers.find_reader(conn, name)
    if row is None:
        raise Unknown(f'There is no reader "{name}" on this server.')
    return row


def _check_admins_are_left(conn: Connection, row: readers.ReaderRow) -> None:
    """Check that each project that the reader was an admin of still has an active one."""
    for each in projects.list_projects(conn):
        admins = [who for who, role in readers.members(conn, each.id) if role is Role.ADMIN]
        theirs = any(who.id == row.id for who in admins)
        if theirs and not any(who.active for who in admins):
            raise Refused(
                f'{row.name} is the last admin of "{each.name}". Make somebody else its admin '
                "first."
            )
