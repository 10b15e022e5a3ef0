"""Keeping the derived tables equal to what the events say.

A new decision is applied to the state its images have now. An undo, and a rebuild, apply all
counting events of the touched images from the beginning. Both use the rule in `fold`. An import
that is withdrawn takes what is derived of its images along.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Column, ColumnElement, Connection, Row, Table, and_, bindparam, select, true

from sslapp.store.log.chain import unpack
from sslapp.store.log.fold import Decision, ImageState, Step, undone
from sslapp.store.log.kinds import kinds_where
from sslapp.store.log.withdrawals import withdrawals
from sslapp.store.schema import (
    current_label,
    event,
    forbidden_class,
    holdout,
    reader_label,
    withheld,
)
from sslapp.store.schema import undone as undone_table
from sslapp.vocabulary import EventKind, Source

Positions = NDArray[np.int64]
Rows = dict[Table, dict[tuple[int, ...], tuple[int | None, ...]]]
"""Derived rows: table -> primary key without the project -> the other columns."""

_TABLES = (reader_label, current_label, forbidden_class, withheld, holdout)
_MANY = 500  # above this, read a range of positions and choose in memory


def derive(conn: Connection, project_id: int, positions: Positions) -> None:
    """Recompute the derived rows of these images from their events."""
    before = load(conn, project_id, positions)
    store(conn, project_id, before, rows_of(replayed(conn, project_id, positions)))


def rebuild(conn: Connection, project_id: int) -> None:
    """Recompute every derived table of the project from its events."""
    marked = undone_table.c.project_id == project_id
    conn.execute(undone_table.delete().where(marked))
    gone = undone(_undos(conn, project_id))
    _insert(conn, undone_table, [{"project_id": project_id, "number": n} for n in sorted(gone)])
    before = load(conn, project_id, None)
    store(conn, project_id, before, rows_of(replayed(conn, project_id, None)))


def apply_undo(conn: Connection, project_id: int, target: int) -> None:
    """Bring the derived tables up to date after an undo of event `target` was stored."""
    root = root_of(conn, project_id, target)
    tree = _undos_below(conn, project_id, root)
    gone, concerned = undone(tree), [root, *(number for number, _ in tree)]
    conn.execute(
        undone_table.delete().where(
            undone_table.c.project_id == project_id, undone_table.c.number == bindparam("n")
        ),
        [{"n": number} for number in concerned],
    )
    _insert(conn, undone_table, [{"project_id": project_id, "number": n} for n in sorted(gone)])
    row = conn.execute(
        select(event.c.position, event.c.members).where(
            event.c.project_id == project_id, event.c.number == root
        )
    ).one()
    members = unpack(row.members)
    if members is None and row.position is not None:
        members = np.array([row.position], dtype=np.int64)
    if members is not None:
        derive(conn, project_id, members)


def cut(conn: Connection, project_id: int, first: int) -> None:
    """Take out what is derived of the images from position `first` on, which were withdrawn."""
    for table in _TABLES:
        conn.execute(
            table.delete().where(table.c.project_id == project_id, table.c.position >= first)
        )


def replayed(
    conn: Connection, project_id: int, positions: Positions | None
) -> dict[int, ImageState]:
    """Position -> state of the images, from their counting events; None means every image."""
    images: dict[int, ImageState] = {}
    if positions is not None:
        images = {position: ImageState() for position in positions.tolist()}
    for position, step in _steps(conn, project_id, positions):
        images.setdefault(position, ImageState()).apply(step)
    return images


def load(conn: Connection, project_id: int, positions: Positions | None) -> Rows:
    """The derived rows of these images as they are stored; None means every image."""
    wanted = None if positions is None else set(positions.tolist())
    rows: Rows = {}
    for table in _TABLES:
        keys, values = columns(table)
        found = conn.execute(
            select(*keys, *values).where(
                table.c.project_id == project_id, _among(table.c.position, positions)
            )
        )
        rows[table] = {
            tuple(row[: len(keys)]): tuple(row[len(keys) :])
            for row in found
            if wanted is None or row[0] in wanted
        }
    return rows


def images_of(rows: Rows, positions: Iterable[int]) -> dict[int, ImageState]:
    """Position -> state that loaded rows describe, for each of the positions."""
    images = {position: ImageState() for position in positions}
    for (position, reader_id), (class_id, source, number) in rows[reader_label].items():
        assert source is not None and number is not None
        images[position].decisions[reader_id] = Decision(class_id, Source(source), number)
    for (position, class_id), (number,) in rows[forbidden_class].items():
        assert number is not None
        images[position].forbidden[class_id] = number
    for (position, round_id), (number,) in rows[withheld].items():
        assert number is not None
        images[position].withheld[round_id] = number
    for (position,), (number,) in rows[holdout].items():
        images[position].holdout = number
    return images


def rows_of(images: Mapping[int, ImageState]) -> Rows:
    """The derived rows that describe these images."""
    rows: Rows = {table: {} for table in _TABLES}
    for position, image in images.items():
        for reader_id, decision in image.decisions.items():
            rows[reader_label][position, reader_id] = tuple(decision)
        current = image.current()
        if current is not None:
            rows[current_label][position,] = tuple(current)
        for class_id, number in image.forbidden.items():
            rows[forbidden_class][position, class_id] = (number,)
        for round_id, number in image.withheld.items():
            rows[withheld][position, round_id] = (number,)
        if image.holdout is not None:
            rows[holdout][position,] = (image.holdout,)
    return rows


def store(conn: Connection, project_id: int, before: Rows, after: Rows) -> None:
    """Change the derived tables from the rows `before` to the rows `after`."""
    for table in _TABLES:
        keys, values = columns(table)
        old, new = before[table], after[table]
        gone = [key for key, value in old.items() if new.get(key) != value]
        if gone:
            same_key = (column == bindparam(f"k_{column.name}") for column in keys)
            conn.execute(
                table.delete().where(table.c.project_id == project_id, *same_key),
                [{f"k_{c.name}": part for c, part in zip(keys, k, strict=True)} for k in gone],
            )
        names = [column.name for column in (*keys, *values)]
        fresh = [
            {"project_id": project_id, **dict(zip(names, (*key, *value), strict=True))}
            for key, value in new.items()
            if old.get(key) != value
        ]
        _insert(conn, table, fresh)


def columns(table: Table) -> tuple[list[Column[Any]], list[Column[Any]]]:
    """A derived table's key columns (without the project) and its other columns."""
    keys = [column for column in table.primary_key if column.name != "project_id"]
    return keys, [column for column in table.c if not column.primary_key]


def undone_by_events(conn: Connection, project_id: int) -> set[int]:
    """Numbers of the events that do not count, computed from the undo events."""
    return undone(_undos(conn, project_id))


def _steps(
    conn: Connection, project_id: int, positions: Positions | None
) -> Iterator[tuple[int, Step]]:
    """(position, step) of every counting event about these images, in the order of the events."""
    gone = select(undone_table.c.number).where(undone_table.c.project_id == project_id)
    counting = and_(
        event.c.project_id == project_id,
        event.c.kind.in_(kinds_where(lambda rule: rule.folded)),
        event.c.number.not_in(gone),
    )
    shown = [event.c[name] for name in ("number", "kind", "reader_id", "class_id", "round_id")]
    wanted = None if positions is None else set(positions.tolist())
    singles = conn.execute(
        select(event.c.position, *shown, event.c.member_classes).where(
            counting, event.c.position.is_not(None), _among(event.c.position, positions)
        )
    )
    found = [row for row in singles if wanted is None or row.position in wanted]
    bulks = conn.execute(
        select(*shown, event.c.members, event.c.member_classes).where(
            counting, event.c.members.is_not(None)
        )
    )
    gone_from = withdrawals(conn, project_id)
    for row in sorted([*found, *bulks], key=lambda row: row.number):
        step = Step(row.number, EventKind(row.kind), row.reader_id, row.class_id, row.round_id)
        end = gone_from.end(row.number)
        if not hasattr(row, "position"):
            yield from _bulk(step, row, positions, end)
        elif row.position < end:
            yield from single_steps(step, row.position, unpack(row.member_classes))


def _bulk(
    step: Step, row: Row[Any], positions: Positions | None, end: int
) -> Iterator[tuple[int, Step]]:
    members, classes = unpack(row.members), unpack(row.member_classes)
    assert members is not None
    kept = members < end if positions is None else (members < end) & np.isin(members, positions)
    yield from bulk_steps(step, members[kept], None if classes is None else classes[kept])


def single_steps(
    step: Step, position: int, classes: Positions | None
) -> Iterator[tuple[int, Step]]:
    """(position, step) of an event about one image; one a class where it names several."""
    if classes is None:
        yield position, step
        return
    for class_id in classes.tolist():
        yield position, step._replace(class_id=class_id)


def bulk_steps(
    step: Step, members: Positions, classes: Positions | None
) -> Iterator[tuple[int, Step]]:
    """(position, step) for every member of a bulk event, with its class where it has one."""
    if classes is None:
        for position in members.tolist():
            yield position, step
        return
    steps = {c: step._replace(class_id=c) for c in np.unique(classes).tolist()}
    for position, class_id in zip(members.tolist(), classes.tolist(), strict=True):
        yield position, steps[class_id]


def _among(column: Column[Any], positions: Positions | None) -> ColumnElement[bool]:
    """A condition that lets every wanted row pass, and perhaps others of the same range."""
    if positions is None:
        return true()
    if len(positions) == 1:
        return column == int(positions[0])
    if len(positions) <= _MANY:
        return column.in_(positions.tolist())
    return column.between(int(positions.min()), int(positions.max()))


def _insert(conn: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        conn.execute(table.insert(), rows)


def _undos(conn: Connection, project_id: int) -> list[tuple[int, int]]:
    rows = conn.execute(
        select(event.c.number, event.c.target).where(
            event.c.project_id == project_id, event.c.kind == EventKind.UNDO
        )
    )
    return [(number, target) for number, target in rows]


def root_of(conn: Connection, project_id: int, number: int) -> int:
    """The decision at the bottom of a chain of undos, which an event without a target is itself.

    Raises:
        NoResultFound: when the project has no such event.
    """
    while True:
        below = conn.execute(
            select(event.c.target).where(event.c.project_id == project_id, event.c.number == number)
        ).scalar_one()
        if below is None:
            return number
        number = below


def _undos_below(conn: Connection, project_id: int, root: int) -> list[tuple[int, int]]:
    """(number, target) of all undos of the event, of those undos, and so on."""
    found: list[tuple[int, int]] = []
    level = [root]
    while level:
        rows = conn.execute(
            select(event.c.number, event.c.target).where(
                event.c.project_id == project_id, event.c.target.in_(level)
            )
        ).all()
        found += [(number, target) for number, target in rows]
        level = [number for number, _ in rows]
    return found
