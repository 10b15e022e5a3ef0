"""The last import of metadata, taken back: what it replaced is restored, what it brought goes.

It can be as long as nothing has changed a value since; whether a column is shown is no value.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, select

from sslapp.store.database import lock_project
from sslapp.store.errors import Refused
from sslapp.store.integrity import seals
from sslapp.store.log.events import append
from sslapp.store.metadata.columns import (
    FormerCells,
    MetadataColumn,
    columns,
    delete_column,
    forget_former,
    former_columns,
)
from sslapp.store.metadata.values import Cells, kind_of, values_hash, values_of
from sslapp.store.schema import event, metadata_column, metadata_value
from sslapp.vocabulary import EventKind

_AT_ONCE = 500


@dataclass(frozen=True)
class MetadataImport:
    """An import of metadata that can be taken back.

    Attributes:
        number: of its event.
        file: what it was read from.
        new: columns that it brought.
        changed: other columns, each with what its former cells stand under.
        hashes: name of a column -> sha256 of its values, as the import left them.
    """

    number: int
    file: str
    new: Sequence[MetadataColumn]
    changed: Sequence[tuple[MetadataColumn, FormerCells]]
    hashes: Mapping[str, str]


def last_import(conn: Connection, project_id: int) -> MetadataImport | None:
    """The project's last import of metadata; None where it cannot be taken back (any more).

    Former cells stand there until the next change of a value.
    """
    query = select(event.c.number, event.c.payload).where(
        event.c.project_id == project_id, event.c.kind == EventKind.IMPORT_METADATA
    )
    row = conn.execute(query.order_by(event.c.number.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    payload = json.loads(row.payload)
    there = {each.name: each for each in columns(conn, project_id)}
    kept = former_columns(conn, project_id)
    new: list[MetadataColumn] = []
    changed: list[tuple[MetadataColumn, FormerCells]] = []
    for told in payload["columns"]:
        column = there.get(told["name"])
        if column is None or "new" not in told:  # an earlier version kept no former cells
            return None
        if column.id in kept:
            changed.append((column, kept[column.id]))
        elif told["new"] and column.images == told["images"]:
            new.append(column)
        else:
            return None
    hashes = {told["name"]: told["sha256"] for told in payload["columns"]}
    return MetadataImport(row.number, payload["file"], new, changed, hashes)


def undo_import(
    conn: Connection, project_id: int, reader_id: int, number: int | None = None
) -> MetadataImport:
    """Take the last import of metadata back, log it, and return what it was.

    Args:
        conn: a write transaction.
        number: of the event that is meant; None for whichever is the last.

    Raises:
        Refused: when there is none, another is the last by now, or values were changed since.
    """
    lock_project(conn, project_id)
    found = last_import(conn, project_id)
    if found is None or number not in (None, found.number):
        raise Refused(
            "There is no import of metadata that could be taken back: only the last one can, and "
            "only until values are changed in another way. `sslapp metadata --remove` takes out a "
            "column."
        )
    for column in (*found.new, *(each for each, _ in found.changed)):
        if values_hash(values_of(conn, column.id)) != found.hashes[column.name]:
            raise Refused(
                f'The column "{column.name}" is not what its import left. `sslapp verify` says '
                "what else is wrong."
            )
    told: list[dict[str, Any]] = []
    for column in found.new:
        delete_column(conn, column.id)
        gone = {"name": column.name, "kind": column.kind, "images": 0, "sha256": values_hash({})}
        told.append(gone)
    told += [_restore(conn, column, values_of(conn, kept.id)) for column, kept in found.changed]
    forget_former(conn, project_id)
    append(
        conn,
        project_id,
        EventKind.UNDO_METADATA,
        key=f"undo_metadata:{uuid.uuid4().hex}",
        reader_id=reader_id,
        payload={"file": found.file, "import": found.number, "columns": told},
    )
    return found


def _restore(conn: Connection, column: MetadataColumn, former: Cells) -> dict[str, Any]:
    """Put a column's former cells back; what the event says of it.

    Args:
        former: position -> value; "" where there was none.
    """
    merged = {**values_of(conn, column.id), **former}
    cells = {position: value for position, value in merged.items() if value}
    mine = metadata_value.c.column_id == column.id
    positions = iter(former)
    while chunk := list(islice(positions, _AT_ONCE)):
        conn.execute(metadata_value.delete().where(mine, metadata_value.c.position.in_(chunk)))
    rows = [
        {"column_id": column.id, "position": position, "value": value}
        for position, value in former.items()
        if value
    ]
    if rows:
        conn.execute(metadata_value.insert(), rows)
    kind = kind_of(cells.values())
    about = {"kind": kind, "images": len(cells), "different": len(set(cells.values()))}
    seals.update(conn, metadata_column, [metadata_column.c.id == column.id], about)
    return {
        "name": column.name,
        "kind": kind,
        "images": len(cells),
        "sha256": values_hash(cells),
    }
