"""Names that people take where nobody signs in: one reader at a time, and no password.

Who can open the pages there has the workspace in their hands, so every name may do the same: a new
one gets, in every project, the role of whoever hands over to it.
"""

from dataclasses import dataclass, replace

from sslapp.store import projects
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.people import readers
from sslapp.usecases.access import Access, NotAllowed


@dataclass(frozen=True)
class KnownName:
    """A reader of the workspace, by number and name."""

    reader_id: int
    name: str


def known_names(access: Access) -> list[KnownName]:
    """Everybody whose name may be taken: the readers of the workspace that are active, by name."""
    with reading(access.engine) as conn:
        return [KnownName(row.id, row.name) for row, _ in readers.memberships(conn) if row.active]


def take_name(access: Access, name: str) -> int:
    """Make a name one that may be taken, and return its reader's number.

    Where it has no role yet it gets that of the present reader.

    Args:
        access: who hands over.
        name: known or new.

    Raises:
        Refused: when the name is blank, too long, or set inactive.
    """
    with writing(access.engine) as conn:
        reader_id = readers.ensure_reader(conn, name)
        row = readers.find_reader(conn, name)
        if row is None or not row.active:
            raise Refused(f"{name.strip()} is set inactive on this server.")
        for each in projects.list_projects(conn):
            own = readers.role_of(conn, each.id, access.reader_id)
            if own is not None and readers.role_of(conn, each.id, reader_id) is None:
                readers.grant(conn, each.id, reader_id, own)
    return reader_id


def under_name(access: Access, reader_id: int) -> Access:
    """The same workspace under the name that was taken.

    Raises:
        NotAllowed: when there is no such reader, or they are set inactive.
    """
    known = {each.reader_id: each.name for each in known_names(access)}
    if reader_id not in known:
        raise NotAllowed("This name is not known here, or it is set inactive. Choose another one.")
    return replace(access, reader_id=reader_id, reader=known[reader_id], named=True)
