"""What readers have decided, found in the event log by reader, by image and by round."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, Select, func, select

from sslapp.store.errors import Unknown
from sslapp.store.log.chain import unpack
from sslapp.store.log.kinds import kinds_where
from sslapp.store.schema import event, image, label_class, reader, round_, undone
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


@dataclass(frozen=True, kw_only=True)
class Sought:
    """Which decisions are looked for; what is None narrows nothing.

    Attributes:
        kinds: of the decisions.
        reader_id: who made them.
        class_id: the class that they name; a decision that names one for each image names none.
        since, until: UTC, from the one on and before the other.
    """

    kinds: Collection[EventKind]
    reader_id: int | None = None
    class_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def decisions_made(
    conn: Connection, project_id: int, sought: Sought, *, before: int | None = None, limit: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Decisions of every reader, undone ones too, newest first. Members are counted, not read.

    Args:
        before: only events with a lower number: where the page before ended.
        limit: so many at most.

    Returns:
        number, kind, at, payload, reader_id, position and target of each event, `reader` (the
        name), `class_name`, `round` (the number), `bytes` of its members, and `undone`, its number
        again when an undo took it back.
    """
    names = ("number", "kind", "at", "payload", "reader_id", "position", "target")
    query = (
        select(
            *(event.c[name] for name in names),
            reader.c.name.label("reader"),
            label_class.c.name.label("class_name"),
            round_.c.number.label("round"),
            func.length(event.c.members).label("bytes"),
            undone.c.number.label("undone"),
        )
        .join(reader, reader.c.id == event.c.reader_id)
        .join(label_class, label_class.c.id == event.c.class_id, isouter=True)
        .join(round_, round_.c.id == event.c.round_id, isouter=True)
        .join(
            undone,
            (undone.c.project_id == event.c.project_id) & (undone.c.number == event.c.number),
            isouter=True,
        )
        .where(
            event.c.project_id == project_id,
            event.c.kind.in_([kind.value for kind in sought.kinds]),
        )
    )
    narrower = [
        None if sought.reader_id is None else event.c.reader_id == sought.reader_id,
        None if sought.class_id is None else event.c.class_id == sought.class_id,
        None if sought.since is None else event.c.at >= sought.since,
        None if sought.until is None else event.c.at < sought.until,
        None if before is None else event.c.number < before,
    ]
    query = query.where(*(each for each in narrower if each is not None))
    return conn.execute(query.order_by(event.c.number.desc()).limit(limit)).all()


def images_of_decision(conn: Connection, project_id: int, number: int) -> NDArray[np.int64]:
    """(n,) int64 ascending positions that a decision was about; of an undo those of its target.

    Raises:
        Unknown: when the project has no such event, or it is about no image.
    """
    columns = select(event.c.position, event.c.members, event.c.target)
    target: int | None = number
    while target is not None:
        mine = (event.c.project_id == project_id) & (event.c.number == target)
        row = conn.execute(columns.where(mine)).one_or_none()
        if row is None:
            break
        if row.position is not None:
            return np.array([row.position], dtype=np.int64)
        if (members := unpack(row.members)) is not None:
            return members
        target = row.target
    raise Unknown(f"Event {number} is no decision about images of this project.")


def deciders(conn: Connection, project_id: int, kinds: Collection[EventKind]) -> dict[int, str]:
    """Reader id -> name, of everybody who made a decision of these kinds, by name."""
    made = select(event.c.number).where(
        event.c.project_id == project_id,
        event.c.reader_id == reader.c.id,
        event.c.kind.in_([kind.value for kind in kinds]),
    )
    query = select(reader.c.id, reader.c.name).where(made.exists()).order_by(reader.c.name)
    return {row.id: row.name for row in conn.execute(query)}


def was_ever(conn: Connection, project_id: int, kinds: Collection[EventKind]) -> bool:
    """Whether the project has an event of these kinds, undone or not."""
    query = select(event.c.number).where(
        event.c.project_id == project_id, event.c.kind.in_([kind.value for kind in kinds])
    )
    return conn.execute(query.limit(1)).first() is not None


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
        at_most: None is returned when there are more events than that, or one of them withdrew an
            import.
    """
    columns = select(event.c.position, event.c.members, event.c.target, event.c.kind)
    mine = event.c.project_id == project_id
    query = columns.where(mine, event.c.number > number).limit(at_most + 1)
    rows = conn.execute(query).all()
    if len(rows) > at_most or any(row.kind == EventKind.WITHDRAW_IMPORT for row in rows):
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
