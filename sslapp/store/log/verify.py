"""Proving the event log and what is derived from it: the hash chain, then a replay.

What the log says of images, classes and rounds is compared with their tables in store.verify.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from sslapp.store.log import replay
from sslapp.store.log.chain import GENESIS, Event, from_row, hash_row
from sslapp.store.log.kinds import rule_of
from sslapp.store.schema import event, undone

SHORTEST_HEAD = 16
"""Digits of a hash that name it beyond doubt; reports print so many."""

RESTORE = "Restore the workspace from a backup."
REBUILD = "`sslapp rebuild` derives it from the log again."


@dataclass
class ChainWalk:
    """What a walk of the chain found, for the checks that come after it.

    Attributes:
        events, head: how many good events there are, and the hash of the last.
        heads: the hashes of all of them.
        facts: events whose payload says what stands in other tables.
        seen: number of a decision -> its position and the content hash of the image on screen.
    """

    events: int = 0
    head: str = GENESIS
    heads: set[str] = field(default_factory=set)
    facts: list[Event] = field(default_factory=list)
    seen: dict[int, tuple[int, str]] = field(default_factory=dict)


def chain(conn: Connection, project_id: int, walk: ChainWalk) -> Iterator[str]:
    """Walk the hash chain from the first event on, and keep in `walk` what was found."""
    for row in _event_rows(conn, project_id):
        wrong = _broken_link(row, walk.events + 1, walk.head)
        if wrong is not None:
            yield f"{wrong} {RESTORE}"
            return  # every link after a broken one is broken
        walk.events, walk.head = row.number, row.hash
        walk.heads.add(row.hash)
        rule = rule_of(row.kind)
        if rule.tells_rows:
            walk.facts.append(from_row(row))
        elif row.position is not None and rule.action is not None and '"image":' in row.payload:
            walk.seen[row.number] = (row.position, json.loads(row.payload)["image"])


def _event_rows(conn: Connection, project_id: int) -> Iterator[Row[Any]]:
    query = select(event).where(event.c.project_id == project_id).order_by(event.c.number)
    yield from conn.execute(query.execution_options(yield_per=1000))


def _broken_link(row: Row[Any], number: int, prev_hash: str) -> str | None:
    if row.number != number:
        return f"Event {number} is missing: the next one is {row.number}."
    if row.prev_hash != prev_hash:
        return f"Event {number} does not continue the hash chain."
    try:
        same = hash_row(row._asdict()) == row.hash
    except (TypeError, ValueError, AttributeError):  # a value of another type than was written
        same = False
    return None if same else f"Event {number} was changed: its content does not give its hash."


def holds_head(walk: ChainWalk, wanted: str | None) -> Iterator[str]:
    """Whether the walked log holds the event of a hash that was noted elsewhere."""
    if wanted is None:
        return
    if len(wanted) < SHORTEST_HEAD or not any(each.startswith(wanted) for each in walk.heads):
        yield (
            f"No event has the hash {wanted}: the log was cut off before it, or replaced. {RESTORE}"
        )


def undone_events(conn: Connection, project_id: int) -> Iterator[str]:
    """Whether the table of undone events is what the undo events say."""
    rows = conn.execute(select(undone.c.number).where(undone.c.project_id == project_id))
    found, expected = set(rows.scalars()), replay.undone_by_events(conn, project_id)
    for number in sorted(found ^ expected):
        says = "undone" if number in expected else "standing"
        yield (f"undone: event {number} is {says} by the log, but the table differs. {REBUILD}")


def derived_tables(conn: Connection, project_id: int) -> Iterator[str]:
    """Whether labels and what else is derived are what a replay of the log gives."""
    found = replay.load(conn, project_id, None)
    expected = replay.rows_of(replay.replayed(conn, project_id, None))
    for table, rows in expected.items():
        for key in sorted(rows.keys() | found[table].keys()):
            if rows.get(key) != found[table].get(key):
                yield _difference(table, key, found[table].get(key), rows.get(key))


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

    return (
        f"{table.name}: {where}: ({names}) is {say(found)}, but the log gives {say(expected)}. "
        f"{REBUILD}"
    )
