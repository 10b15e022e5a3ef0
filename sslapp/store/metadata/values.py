"""The values of metadata, a row a cell: imported, read, and vouched for by the log.

An import's event holds the sha256 of every column that it changed, as it stood afterwards. The
values themselves are in no event: what must not stay can be taken out.
"""

import hashlib
import math
import re
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from sqlalchemy import Connection, select

from sslapp.store.database import lock_project
from sslapp.store.errors import Refused
from sslapp.store.images import image_count
from sslapp.store.integrity import seals
from sslapp.store.integrity.canonical import canonical
from sslapp.store.log.chain import Event
from sslapp.store.log.events import append
from sslapp.store.log.kinds import rule_of
from sslapp.store.log.verify import RESTORE
from sslapp.store.metadata.columns import (
    FORMER,
    LONGEST_NAME,
    MetadataColumn,
    columns,
    forget_former,
    keep_former,
)
from sslapp.store.schema import metadata_column, metadata_value
from sslapp.vocabulary import EventKind, MetadataKind

LONGEST_VALUE = 1000
"""Characters that a value may have."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_AT_ONCE = 500

Cells = Mapping[int, str]
"""Position -> value of a column."""


def number_in(value: str) -> float | None:
    """The finite number that a value is; None for any other text."""
    found = float(value) if _NUMBER.fullmatch(value) else math.inf
    return found if math.isfinite(found) else None


def kind_of(values: Iterable[str]) -> MetadataKind:
    """What all of these values are."""
    numbers = all(number_in(each) is not None for each in values)
    return MetadataKind.NUMBER if numbers else MetadataKind.TEXT


def import_values(
    conn: Connection,
    project_id: int,
    reader_id: int | None,
    found: Mapping[str, Cells],
    *,
    file: str,
    sha256: str,
) -> None:
    """Take in cells, in place of those that were there at the same positions, and log the import.

    Args:
        conn: a write transaction.
        project_id: the project.
        reader_id: who brings them.
        found: column name -> its cells; a new column is shown to nobody yet.
        file, sha256: what they were read from.

    Raises:
        Refused: when there is nothing, or a name, value or position does not fit.
    """
    lock_project(conn, project_id)
    given = {name: cells for name, cells in found.items() if cells}
    if not given:
        raise Refused(f"{file} has no value of metadata for an image of this project.")
    count = image_count(conn, project_id)
    for name, cells in given.items():
        _check(name, cells, count)
    if len({name.casefold() for name in given}) < len(given):
        raise Refused(f"{file} has two columns of the same name. Rename one of them.")
    there = {each.name.casefold(): each for each in columns(conn, project_id)}
    forget_former(conn, project_id)
    told = [
        _import_column(conn, project_id, there.get(name.casefold()), name, cells)
        for name, cells in given.items()
    ]
    append(
        conn,
        project_id,
        EventKind.IMPORT_METADATA,
        key=f"import_metadata:{uuid.uuid4().hex}",
        reader_id=reader_id,
        payload={"file": file, "sha256": sha256, "columns": told},
    )


def values_of(conn: Connection, column_id: int) -> dict[int, str]:
    """Position -> value of a column, in the order of positions."""
    query = select(metadata_value.c.position, metadata_value.c.value)
    mine = query.where(metadata_value.c.column_id == column_id)
    return {row.position: row.value for row in conn.execute(mine.order_by("position"))}


def shown_values(
    conn: Connection, project_id: int, positions: Collection[int]
) -> dict[int, list[tuple[str, str]]]:
    """Position -> (column, value) pairs that may be shown beside the image while it is labelled."""
    shown = {each.id: each.name for each in columns(conn, project_id) if each.shown}
    found: dict[int, list[tuple[str, str]]] = {}
    wanted = iter(positions if shown else ())
    while chunk := list(islice(wanted, _AT_ONCE)):
        query = select(metadata_value).where(
            metadata_value.c.column_id.in_(shown), metadata_value.c.position.in_(chunk)
        )
        for row in conn.execute(query.order_by(metadata_value.c.column_id)):
            found.setdefault(row.position, []).append((shown[row.column_id], row.value))
    return found


def copy_metadata(conn: Connection, project_id: int, target: int, reader_id: int | None) -> None:
    """Give a project over the same images this one's metadata; there it is shown to nobody yet.

    Args:
        target: the other project, which has none.
    """
    count = image_count(conn, target)
    found = {
        each.name: {at: value for at, value in values_of(conn, each.id).items() if at < count}
        for each in columns(conn, project_id)
    }
    if any(found.values()):
        digest = hashlib.sha256(canonical([values_hash(each) for each in found.values()]).encode())
        file = "metadata of the project that the images come from"
        import_values(conn, target, reader_id, found, file=file, sha256=digest.hexdigest())


def cut_values(conn: Connection, project_id: int, count: int) -> list[dict[str, object]]:
    """Take out the cells of all images but the first `count`; what the log is to say of it.

    Args:
        conn: a write transaction that logs what is returned.
        project_id: the project.
        count: of the images that stay. A column that none of them has a value in goes with all.

    Returns:
        Of every column that changed its name, kind, images that have a value, and hash.
    """
    told: list[dict[str, object]] = []
    forget_former(conn, project_id)
    for each in columns(conn, project_id):
        held = values_of(conn, each.id)
        kept = {position: value for position, value in held.items() if position < count}
        if len(kept) == len(held):
            continue
        mine = metadata_value.c.column_id == each.id
        conn.execute(metadata_value.delete().where(mine, metadata_value.c.position >= count))
        kind = kind_of(kept.values())
        about = {"kind": kind, "images": len(kept), "different": len(set(kept.values()))}
        this = metadata_column.c.id == each.id
        if kept:
            seals.update(conn, metadata_column, [this], about)
        else:
            conn.execute(metadata_column.delete().where(this))
        told.append(
            {"name": each.name, "kind": kind, "images": len(kept), "sha256": values_hash(kept)}
        )
    return told


def values_hash(cells: Cells) -> str:
    """sha256 over a column's cells, whatever their order."""
    digest = hashlib.sha256()
    for position in sorted(cells):
        digest.update(canonical([position, cells[position]]).encode() + b"\n")
    return digest.hexdigest()


def wrong_columns(conn: Connection, project_id: int, facts: Sequence[Event]) -> Iterator[str]:
    """Sentences on columns that are not what the log says of them."""
    expected = _told(facts)
    found = {
        each.name: (values_hash(values_of(conn, each.id)), each.kind, each.shown)
        for each in columns(conn, project_id)
    }
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            what = "is missing" if name not in found else "is not what the log says of it"
            yield f'metadata: the column "{name}" {what}. {RESTORE}'


def _told(facts: Sequence[Event]) -> dict[str, tuple[str, str, bool]]:
    """Column name -> hash of its values, kind and whether it is shown, by the log."""
    told: dict[str, tuple[str, str, bool]] = {}
    for fact in facts:
        payload = fact.payload
        if fact.kind is EventKind.IMPORT_METADATA:
            for each in payload["columns"]:
                _, _, shown = told.get(each["name"], ("", "", False))
                told[each["name"]] = (each["sha256"], each["kind"], shown)
        if rule_of(fact.kind).takes_values:
            for each in payload["columns"]:
                _, _, shown = told.pop(each["name"])
                if each["images"]:
                    told[each["name"]] = (each["sha256"], each["kind"], shown)
        if fact.kind is EventKind.SHOW_METADATA:
            sha256, kind, _ = told[payload["column"]]
            told[payload["column"]] = (sha256, kind, payload["shown"])
        if fact.kind is EventKind.REMOVE_METADATA:
            del told[payload["column"]]
        if rule_of(fact.kind).ends:
            told.clear()
    return told


def _check(name: str, cells: Cells, count: int) -> None:
    if not 1 <= len(name.strip()) <= LONGEST_NAME:
        raise Refused(f"A column's name has 1 to {LONGEST_NAME} characters.")
    if name.startswith(FORMER):
        raise Refused("A column's name begins with no control character.")
    for position, value in cells.items():
        if not 0 <= position < count:
            raise Refused(f"There is no image {position} in this project.")
        if not 1 <= len(value) <= LONGEST_VALUE:
            raise Refused(
                f'The column "{name}" has a value of {len(value):,} characters for image '
                f"{position}; 1 to {LONGEST_VALUE:,} are kept. Leave the column out."
            )


def _import_column(
    conn: Connection, project_id: int, there: MetadataColumn | None, name: str, cells: Cells
) -> dict[str, object]:
    """Write a column's cells and its row; what the event says of it."""
    held: dict[int, str] = {} if there is None else values_of(conn, there.id)
    merged = {**held, **cells}
    about = {
        "kind": kind_of(merged.values()),
        "images": len(merged),
        "different": len(set(merged.values())),
    }
    if there is None:
        row = {"project_id": project_id, "name": name, "shown": False, **about}
        column_id = int(seals.insert(conn, metadata_column, row))
    else:
        column_id = there.id
        seals.update(conn, metadata_column, [metadata_column.c.id == column_id], about)
        former = {at: held.get(at, "") for at, value in cells.items() if held.get(at) != value}
        keep_former(conn, project_id, column_id, former)
    _replace(conn, column_id, cells, held)
    return {
        "name": name if there is None else there.name,
        "kind": about["kind"],
        "images": len(cells),
        "sha256": values_hash(merged),
        "new": there is None,
    }


def _replace(conn: Connection, column_id: int, cells: Cells, held: Cells) -> None:
    former = iter([position for position in cells if position in held])
    while chunk := list(islice(former, _AT_ONCE)):
        conn.execute(
            metadata_value.delete().where(
                metadata_value.c.column_id == column_id, metadata_value.c.position.in_(chunk)
            )
        )
    conn.execute(
        metadata_value.insert(),
        [
            {"column_id": column_id, "position": position, "value": value}
            for position, value in cells.items()
        ],
    )
