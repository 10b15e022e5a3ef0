"""What readers have decided, found in the event log by reader, by image and by round."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, Select, func, select

from sslapp.store.log.chain import unpack
from sslapp.store.log.kinds import kinds_where
from sslapp.store.schema import event, image, label_class, undone
from sslapp.vocabulary import EventKind


def newest_key(conn: Connection, project_id: int, prefix: str) -> str | None:
    """The key of the newest event whose key begins so; None without any.

    Only such events are read, however many others there are.
    """
    key = event.c.key.collate("C") if conn.dialect.name == "postgresql" else event.c.key
    behind = prefix[:-1] + chr(ord(prefix[-1]) + 1)  # the first text that begins otherwise
    query = select(event.c.key).where(event.c.project_id == project_id, key >= prefix, key < behind)
    # by an expression, or SQLite walks all events by number in place of the few by key
    return conn.execute(query.order_by((event.c.number + 0).desc()).limit(1)).scalar()


def standing_decisions(
    conn: Connection,
    project_id: int,
    reader_id: int,
    kinds: Collection[EventKind],
    *,
    before: int | None = None,
    limit: int,
) -> Sequence[Row[*tuple[Any, ...]]]:
    """A reader's newest decisions about single images that nobody took back, newest first.

    Args:
        kinds: of the decisions.
        before: only events with a lower number.
        limit: so many at most.

    Returns:
        The columns of `event`, and `sha256` of the image.
    """
    query = (
        _standing(select(event, image.c.sha256))
        .join(
            image,
            (image.c.project_id == event.c.project_id) & (image.c.position == event.c.position),
        )
        .where(
            event.c.project_id == project_id,
            event.c.reader_id == reader_id,
            event.c.kind.in_([kind.value for kind in kinds]),
        )
        .order_by(event.c.number.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(event.c.number < before)
    return conn.execute(query).all()


def positions_decided(
    conn: Connection,
    project_id: int,
    reader_id: int,
    kinds: Collection[EventKind],
    among: Sequence[int] | None = None,
) -> set[int]:
    """Images of which a reader made a decision of these kinds that nobody took back.

    Args:
        among: only these positions.
    """
    query = _standing(select(event.c.position)).where(
        event.c.project_id == project_id,
        event.c.reader_id == reader_id,
        event.c.kind.in_([kind.value for kind in kinds]),
    )
    if among is not None:
        query = query.where(event.c.position.in_(list(among)))
    return set(conn.execute(query).scalars())


def bulk_decisions_of(
    conn: Connection, project_id: int, reader_id: int, limit: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    """A reader's newest bulk decisions, newest first.

    Returns:
        number, kind, at and payload of each event, `bytes` of its members, `name` of the class of
        a relabel, and `undone`, its number again when an undo took it back.
    """
    query = (
        select(
            *(event.c.number, event.c.kind, event.c.at, event.c.payload),
            func.length(event.c.members).label("bytes"),
            label_class.c.name,
            undone.c.number.label("undone"),
        )
        .join(label_class, label_class.c.id == event.c.class_id, isouter=True)
        .join(
            undone,
            (undone.c.project_id == event.c.project_id) & (undone.c.number == event.c.number),
            isouter=True,
        )
        .where(
            event.c.project_id == project_id,
            event.c.reader_id == reader_id,
            event.c.kind.in_(kinds_where(lambda rule: rule.bulk)),
        )
        .order_by(event.c.number.desc())
        .limit(limit)
    )
    return conn.execute(query).all()


def count_kind(conn: Connection, project_id: int, kind: EventKind) -> int:
    """How many events of a kind the project has, undone ones too."""
    query = select(func.count()).where(event.c.project_id == project_id, event.c.kind == kind)
    return conn.execute(query).scalar_one()


def count_on_round(
    conn: Connection, project_id: int, round_id: int, kinds: Collection[EventKind]
) -> int:
    """How many events of these kinds name the round."""
    query = select(func.count()).where(
        event.c.project_id == project_id,
        event.c.round_id == round_id,
        event.c.kind.in_([kind.value for kind in kinds]),
    )
    return conn.execute(query).scalar_one()


def times_and_payloads(
    conn: Connection, project_id: int, kinds: Collection[EventKind]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """at (UTC), kind and payload (JSON text) of every event of these kinds."""
    query = select(event.c.at, event.c.kind, event.c.payload).where(
        event.c.project_id == project_id, event.c.kind.in_([kind.value for kind in kinds])
    )
    return conn.execute(query).all()


def standing_on_round(
    conn: Connection, project_id: int, round_id: int, kinds: Collection[EventKind]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """kind, position, class_id, members and member_classes of the decisions on a round that
    nobody took back."""
    columns = ("kind", "position", "class_id", "members", "member_classes")
    query = _standing(select(*(event.c[name] for name in columns))).where(
        event.c.project_id == project_id,
        event.c.round_id == round_id,
        event.c.kind.in_([kind.value for kind in kinds]),
    )
    return conn.execute(query).all()


def touched_since(
    conn: Connection, project_id: int, number: int, *, at_most: int
) -> NDArray[np.int64] | None:
    """(n,) int64 sorted positions whose labels or holdout later events may have changed.

    Args:
        number: events above it are looked at.
        at_most: None is returned when there are more events than that.
    """
    columns = select(event.c.position, event.c.members, event.c.target)
    mine = event.c.project_id == project_id
    query = columns.where(mine, event.c.number > number).limit(at_most + 1)
    rows = conn.execute(query).all()
    if len(rows) > at_most:
        return None
    found: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    while rows:  # an undo touches what its target did, which may be an undo itself
        found += [np.array([row.position]) for row in rows if row.position is not None]
        found += [each for row in rows if (each := unpack(row.members)) is not None]
        targets = {row.target for row in rows} - {None}
        rows = conn.execute(columns.where(mine, event.c.number.in_(targets))).all()
    return np.unique(np.concatenate(found))


def _standing(query: Select[Any]) -> Select[Any]:
    """The query over events without those that an undo took back."""
    joined = query.select_from(event).outerjoin(
        undone,
        (undone.c.project_id == event.c.project_id) & (undone.c.number == event.c.number),
    )
    return joined.where(undone.c.number.is_(None))
