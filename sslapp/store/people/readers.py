"""Readers and what they may do in a project."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from sslapp.store.integrity import seals
from sslapp.store.log.chain import now
from sslapp.store.projects import checked_name
from sslapp.store.schema import membership, reader
from sslapp.vocabulary import Role


def ensure_reader(conn: Connection, name: str) -> int:
    """The id of the reader with this name, who is added when new.

    Raises:
        Refused: when the name is blank, too long or not to be shown.
    """
    name = checked_name("reader", name)
    found = conn.execute(select(reader.c.id).where(reader.c.name == name)).scalar()
    if found is not None:
        return found
    row = {"name": name, "active": True, "created_at": now()}
    return int(seals.insert(conn, reader, row))


@dataclass(frozen=True)
class ReaderRow:
    """A reader; one who is not active may do nothing."""

    id: int
    name: str
    active: bool


def find_reader(conn: Connection, name: str) -> ReaderRow | None:
    """The reader with this name, if there is one."""
    columns = (reader.c.id, reader.c.name, reader.c.active)
    row = conn.execute(select(*columns).where(reader.c.name == name.strip())).one_or_none()
    return None if row is None else ReaderRow(row.id, row.name, row.active)


def set_active(conn: Connection, reader_id: int, active: bool) -> None:
    """Set a reader active or inactive; what they decided so far stays."""
    seals.update(conn, reader, [reader.c.id == reader_id], {"active": active})


def members(conn: Connection, project_id: int) -> list[tuple[ReaderRow, Role]]:
    """The project's members and their roles, by name; inactive readers included."""
    query = (
        select(reader.c.id, reader.c.name, reader.c.active, membership.c.role)
        .join(membership, membership.c.reader_id == reader.c.id)
        .where(membership.c.project_id == project_id)
        .order_by(reader.c.name)
    )
    return [
        (ReaderRow(row.id, row.name, row.active), Role(row.role)) for row in conn.execute(query)
    ]


def reader_names(conn: Connection) -> dict[int, str]:
    """Reader id -> name, of everybody who ever signed in."""
    return {row.id: row.name for row in conn.execute(select(reader.c.id, reader.c.name))}


def memberships(conn: Connection) -> list[tuple[ReaderRow, int]]:
    """All readers by name, and how many projects each is a member of."""
    query = (
        select(reader.c.id, reader.c.name, reader.c.active, func.count(membership.c.project_id))
        .outerjoin(membership, membership.c.reader_id == reader.c.id)
        .group_by(reader.c.id, reader.c.name, reader.c.active)
        .order_by(reader.c.name)
    )
    return [(ReaderRow(*row), projects) for *row, projects in conn.execute(query)]


def grant(conn: Connection, project_id: int, reader_id: int, role: Role) -> None:
    """Give a reader a role in a project, in place of the one they had."""
    theirs = (membership.c.project_id == project_id, membership.c.reader_id == reader_id)
    if seals.update(conn, membership, theirs, {"role": role.value}) == 0:
        row = {"project_id": project_id, "reader_id": reader_id, "role": role.value}
        seals.insert(conn, membership, row)


def revoke(conn: Connection, project_id: int, reader_id: int) -> bool:
    """Take a reader out of a project; return whether they were a member."""
    theirs = (membership.c.project_id == project_id, membership.c.reader_id == reader_id)
    return conn.execute(membership.delete().where(*theirs)).rowcount > 0


def role_of(conn: Connection, project_id: int, reader_id: int) -> Role | None:
    """The reader's role in the project; None for strangers and for readers set inactive."""
    found = conn.execute(
        select(membership.c.role)
        .join(reader, reader.c.id == membership.c.reader_id)
        .where(
            membership.c.project_id == project_id,
            membership.c.reader_id == reader_id,
            reader.c.active,
        )
    ).scalar()
    return None if found is None else Role(found)
