"""Proving that the log is whole and that the derived tables say what it says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from sslapp.store import replay
from sslapp.store.chain import GENESIS, Event, from_row, hash_row
from sslapp.store.images import image_count, rows_hash, stored_rows
from sslapp.store.projects import classes
from sslapp.store.schema import event, undone
from sslapp.vocabulary import EventKind


@dataclass(frozen=True)
class Verification:
    """The outcome.

    Attributes:
        ok: no problem was found.
        events: how many events were walked.
        head: hash of the last good event.
        problem: the first thing that is wrong, naming event, or table and row; else None.
    """

    ok: bool
    events: int
    head: str
    problem: str | None


_FACTS = frozenset(
    {EventKind.IMPORT, EventKind.ADD_CLASS, EventKind.EDIT_CLASS, EventKind.RETIRE_CLASS}
)
"""Kinds whose events say what is in the tables of images and classes."""


class _Wrong(Exception):
    """The first problem; ends the walk."""


def verify(conn: Connection, project_id: int) -> Verification:
    """Walk the hash chain, check imports and classes, replay, compare every derived table.

    What it cannot see is a log cut off at its end: compare `head` with one noted elsewhere.
    """
    events, head = 0, GENESIS
    try:
        facts: list[Event] = []
        for row in _event_rows(conn, project_id):
            _check_link(row, events + 1, head)
            events, head = row.number, row.hash
            if row.kind in _FACTS:
                facts.append(from_row(row))
        _check_imports(conn, project_id, facts)
        _check_classes(conn, project_id, facts)
        _check_undone(conn, project_id)
        _check_derived(conn, project_id)
    except _Wrong as wrong:
        return Verification(False, events, head, str(wrong))
    return Verification(True, events, head, None)


def _event_rows(conn: Connection, project_id: int) -> Iterator[Row[Any]]:
    query = select(event).where(event.c.project_id == project_id).order_by(event.c.number)
    yield from conn.execute(query.execution_options(yield_per=1000))


def _check_link(row: Row[Any], number: int, prev_hash: str) -> None:
    if row.number != number:
        raise _Wrong(f"Event {number} is missing: the next one is {row.number}.")
    if row.prev_hash != prev_hash:
        raise _Wrong(f"Event {number} does not continue the hash chain.")
    if hash_row(row._asdict()) != row.hash:
        raise _Wrong(f"Event {number} was changed: its content does not give its hash.")


def _check_imports(conn: Connection, project_id: int, facts: list[Event]) -> None:
    covered = 0
    for fact in facts:
        if fact.kind is not EventKind.IMPORT:
            continue
        first, count = fact.payload["first"], fact.payload["count"]
        found = rows_hash(stored_rows(conn, project_id, first, count))
        if found != fact.payload["sha256"]:
            raise _Wrong(
                f"image: positions {first} to {first + count - 1} are not what event "
                f"{fact.number} imported."
            )
        covered = first + count
    there = image_count(conn, project_id)
    if there != covered:
        raise _Wrong(f"image: {there} positions, but the imports in the log cover {covered}.")


def _check_classes(conn: Connection, project_id: int, facts: list[Event]) -> None:
    expected: dict[int, tuple[int, str, bool]] = {}
    for fact in facts:
        if fact.class_id is None:
            continue
        if fact.kind is EventKind.ADD_CLASS:
            expected[fact.class_id] = (fact.payload["number"], fact.payload["name"], False)
            continue
        number, name, _ = expected[fact.class_id]
        if fact.kind is EventKind.EDIT_CLASS:
            name = fact.payload["after"].get("name", name)
        retired = fact.kind is EventKind.RETIRE_CLASS
        expected[fact.class_id] = (number, name, retired)
    found = {row.id: (row.number, row.name, row.retired) for row in classes(conn, project_id, True)}
    for class_id in sorted(expected.keys() | found.keys()):
        if expected.get(class_id) != found.get(class_id):
            raise _Wrong(
                f"label_class: class {class_id} is {found.get(class_id)} as (number, name, "
                f"retired), but the log says {expected.get(class_id)}."
            )


def _check_undone(conn: Connection, project_id: int) -> None:
    rows = conn.execute(select(undone.c.number).where(undone.c.project_id == project_id))
    found, expected = set(rows.scalars()), replay.undone_by_events(conn, project_id)
    for number in sorted(found ^ expected):
        says = "undone" if number in expected else "standing"
        raise _Wrong(f"undone: event {number} is {says} by the log, but the table differs.")


def _check_derived(conn: Connection, project_id: int) -> None:
    found = replay.load(conn, project_id, None)
    expected = replay.rows_of(replay.replayed(conn, project_id, None))
    for table, rows in expected.items():
        for key in sorted(rows.keys() | found[table].keys()):
            if rows.get(key) != found[table].get(key):
                raise _Wrong(_difference(table, key, found[table].get(key), rows.get(key)))


def _difference(
    table: Table,
    key: tuple[int, ...],
    found: tuple[int | None, ...] | None,
    expected: tuple[int | None, ...] | None,
) -> str:
    keys, values = replay.columns(table)
    where = ", ".join(f"{c.name} {part}" for c, part in zip(keys, key, strict=True))
    names = ", ".join(column.name for column in values)

    def say(row: tuple[int | None, ...] | None) -> str:
        return "no row" if row is None else str(tuple(None if v is None else int(v) for v in row))

    return f"{table.name}: {where}: ({names}) is {say(found)}, but the log gives {say(expected)}."
