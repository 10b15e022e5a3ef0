"""Seals: a hash over a row, kept in it, so that a damaged row is noticed.

The event log vouches for what readers decided. Projects, classes, readers, imports, snapshots,
rounds and embeddings are rows that change or that no event describes in full; each carries the
sha256 of its other columns. A seal tells of damage, not of forgery: who can write a row can seal
it. These tables are written by `insert` and `update` of this module alone.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, select

from sslapp.store.schema import (
    embedding,
    image_set,
    label_class,
    membership,
    metadata_column,
    project,
    reader,
    round_,
    snapshot,
    view_set,
    workspace,
)

SEALED = (
    *(workspace, reader, project, membership, label_class, image_set, metadata_column),
    *(snapshot, round_, embedding, view_set),
)


def insert(conn: Connection, table: Table, values: Mapping[str, Any]) -> Any:
    """Add a row with its seal and return the first column of its primary key."""
    inserted = conn.execute(table.insert().values(**values)).inserted_primary_key
    assert inserted is not None
    _seal(conn, table, [_same(table, tuple(inserted))])
    return inserted[0]


def update(
    conn: Connection,
    table: Table,
    where: Sequence[ColumnElement[bool]],
    values: Mapping[str, Any],
) -> int:
    """Change rows and their seals; return how many.

    A row that was damaged before keeps a seal that does not fit: sealing it anew would hide that.
    """
    keys = [tuple(row) for row in conn.execute(select(*table.primary_key).where(*where))]
    sound = [key for key in keys if not _is_broken(_row(conn, table, key))]
    conn.execute(table.update().where(*where).values(**values))
    names = [column.name for column in table.primary_key]
    moved = {name: values[name] for name in names if name in values}
    for key in sound:
        now = {**dict(zip(names, key, strict=True)), **moved}
        _seal(conn, table, [_same(table, tuple(now[name] for name in names))])
    return len(keys)


def seal_all(conn: Connection) -> int:
    """Seal every row that has no seal, as it stands now; return how many there were."""
    return sum(_seal(conn, table, [table.c.seal.is_(None)]) for table in SEALED)


def broken(conn: Connection, project_id: int, complete: bool) -> Iterator[str]:
    """Sentences on rows that are not what was written: the project's, and those of all projects.

    Args:
        complete: whether a row without a seal is damaged too.
    """
    for table in SEALED:
        for row in conn.execute(select(table).where(*_of_project(table, project_id))).mappings():
            if _is_broken(row) or (complete and row["seal"] is None):
                keys = ", ".join(f"{c.name} {row[c.name]}" for c in table.primary_key)
                yield f"{table.name}: the row {keys} is not what was written."


def unsealed(conn: Connection, project_id: int) -> int:
    """How many of the project's rows are older than seals."""
    return sum(
        1
        for table in SEALED
        for _ in conn.execute(
            select(table.c.seal).where(table.c.seal.is_(None), *_of_project(table, project_id))
        )
    )


def _of_project(table: Table, project_id: int) -> list[ColumnElement[bool]]:
    if table is project:
        return [table.c.id == project_id]
    if table is view_set:
        mine = select(embedding.c.id).where(embedding.c.project_id == project_id)
        return [table.c.embedding_id.in_(mine)]
    return [table.c.project_id == project_id] if "project_id" in table.c else []


def _seal(conn: Connection, table: Table, where: Sequence[ColumnElement[bool]]) -> int:
    # read back: what a database keeps of a value (a tuple, a float) may differ from the value
    rows = conn.execute(select(table).where(*where)).mappings().all()
    for row in rows:
        key = tuple(row[column.name] for column in table.primary_key)
        conn.execute(table.update().where(_same(table, key)).values(seal=_hash(row)))
    return len(rows)


def _row(conn: Connection, table: Table, key: tuple[Any, ...]) -> Mapping[Any, Any]:
    return conn.execute(select(table).where(_same(table, key))).mappings().one()


def _same(table: Table, key: tuple[Any, ...]) -> ColumnElement[bool]:
    columns: list[Column[Any]] = list(table.primary_key)
    return and_(*(column == part for column, part in zip(columns, key, strict=True)))


def _is_broken(row: Mapping[Any, Any]) -> bool:
    return row["seal"] is not None and row["seal"] != _hash(row)


def _hash(row: Mapping[Any, Any]) -> str:
    # NULLs are left out, so that a column added later leaves the seals of older rows valid
    content = {
        str(name): _plain(value)
        for name, value in row.items()
        if value is not None and str(name) != "seal"
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return value.isoformat(timespec="microseconds") if isinstance(value, datetime) else value
