"""The columns of a project's metadata: which there are, and which are shown while labelling.

Beside them stand, under names that no column has, the cells that the last import replaced: what is
taken out for good must not stay in the log.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from sslapp.store.errors import Refused
from sslapp.store.integrity import seals
from sslapp.store.log.events import append
from sslapp.store.schema import metadata_column, metadata_value
from sslapp.vocabulary import EventKind, MetadataKind

LONGEST_NAME = 200
"""Characters that a column's name may have."""

FORMER = "\x7f"
"""Begins the name under which former cells stand: of the column whose id follows it."""


@dataclass(frozen=True)
class MetadataColumn:
    """A column.

    Attributes:
        kind: what all of its values are.
        shown: beside an image while it is labelled.
        images: how many have a value.
        different: how many values there are.
    """

    id: int
    name: str
    kind: MetadataKind
    shown: bool
    images: int
    different: int


@dataclass(frozen=True)
class FormerCells:
    """What cells of a column were before the last import.

    Attributes:
        id: under which they stand, as those of a column do.
        count: how many.
    """

    id: int
    count: int


def columns(conn: Connection, project_id: int) -> list[MetadataColumn]:
    """The project's columns, in the order in which they came."""
    query = select(metadata_column).where(metadata_column.c.project_id == project_id)
    return [
        MetadataColumn(
            row.id, row.name, MetadataKind(row.kind), row.shown, row.images, row.different
        )
        for row in conn.execute(query.order_by(metadata_column.c.id))
        if not row.name.startswith(FORMER)
    ]


def find_column(conn: Connection, project_id: int, name: str) -> MetadataColumn:
    """The column of that name, whatever its case.

    Raises:
        Refused: when there is none; the message lists those there are.
    """
    there = columns(conn, project_id)
    found = next((each for each in there if each.name.casefold() == name.casefold()), None)
    if found is None:
        known = ", ".join(each.name for each in there) or "none yet"
        raise Refused(f'There is no column "{name}" of metadata; known: {known}.')
    return found


def show_column(
    conn: Connection, project_id: int, name: str, reader_id: int | None, *, shown: bool
) -> bool:
    """Show a column while images are labelled, or hide it, and log it; whether it was otherwise.

    Raises:
        Refused: when there is no such column.
    """
    found = find_column(conn, project_id, name)
    if found.shown == shown:
        return False
    seals.update(conn, metadata_column, [metadata_column.c.id == found.id], {"shown": shown})
    append(
        conn,
        project_id,
        EventKind.SHOW_METADATA,
        key=f"show_metadata:{uuid.uuid4().hex}",
        reader_id=reader_id,
        payload={"column": found.name, "shown": shown},
    )
    return True


def remove_column(conn: Connection, project_id: int, name: str, reader_id: int | None) -> None:
    """Take a column and its values out of the database, and log that; the log has no value of it.

    Raises:
        Refused: when there is no such column.
    """
    found = find_column(conn, project_id, name)
    forget_former(conn, project_id)
    delete_column(conn, found.id)
    append(
        conn,
        project_id,
        EventKind.REMOVE_METADATA,
        key=f"remove_metadata:{uuid.uuid4().hex}",
        reader_id=reader_id,
        payload={"column": found.name},
    )


def delete_column(conn: Connection, column_id: int) -> None:
    """Delete a column's row and its cells; the caller logs it."""
    conn.execute(metadata_value.delete().where(metadata_value.c.column_id == column_id))
    conn.execute(metadata_column.delete().where(metadata_column.c.id == column_id))


def keep_former(
    conn: Connection, project_id: int, column_id: int, cells: Mapping[int, str]
) -> None:
    """Keep what cells of a column were before an import.

    Args:
        cells: position -> value; "" where there was none.
    """
    row = {"project_id": project_id, "name": f"{FORMER}{column_id}", "kind": MetadataKind.TEXT}
    counts = {"shown": False, "images": len(cells), "different": len(set(cells.values()))}
    kept = int(seals.insert(conn, metadata_column, {**row, **counts}))
    rows = [{"column_id": kept, "position": at, "value": value} for at, value in cells.items()]
    if rows:
        conn.execute(metadata_value.insert(), rows)


def former_columns(conn: Connection, project_id: int) -> dict[int, FormerCells]:
    """Id of a column -> its former cells, of those that the last import changed."""
    columns_ = metadata_column.c
    query = select(columns_.id, columns_.name, columns_.images)
    rows = conn.execute(query.where(columns_.project_id == project_id)).all()
    return {
        int(row.name.removeprefix(FORMER)): FormerCells(row.id, row.images)
        for row in rows
        if row.name.startswith(FORMER)
    }


def forget_former(conn: Connection, project_id: int) -> None:
    """Delete all former cells: nobody can take the import back any more that replaced them."""
    for kept in former_columns(conn, project_id).values():
        delete_column(conn, kept.id)
