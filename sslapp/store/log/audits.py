"""Audits in the event log: what was opened, and what readers answered without sight of anything."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, select

from sslapp.store.log.chain import Event, from_row
from sslapp.store.log.kinds import EventRule, kinds_where
from sslapp.store.log.sight import is_blind
from sslapp.store.schema import current_label, event, label_class, undone
from sslapp.vocabulary import EventKind, Source

ANSWERS = kinds_where(lambda rule: rule.may_be_blind and rule.folded)
"""Kinds that answer what class an image has, or that it cannot be told."""


@dataclass(frozen=True)
class BlindAnswer:
    """What a reader said of an image without sight of anything else.

    Attributes:
        number: of its event.
        class_id: None for unsure and none of these.
        taken_back: whether its reader undid it before their next answer.
    """

    number: int
    kind: EventKind
    position: int
    reader_id: int
    class_id: int | None
    taken_back: bool


@dataclass(frozen=True, eq=False)
class LabelsGiven:
    """Current labels of n images, by position.

    Attributes:
        positions, class_ids: (n,) int64.
        rounds: (n,) int64 id of the round that a label was a judgement on; 0 for none.
        blind: (n,) bool, given singly without sight of anything but the image.
        in_bulk: (n,) bool, given to many images at once.
    """

    positions: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    rounds: NDArray[np.int64]
    blind: NDArray[np.bool_]
    in_bulk: NDArray[np.bool_]


def opened(conn: Connection, project_id: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """number, hash, at, reader_id and round_id of every audit of the project, oldest first."""
    names = ("number", "hash", "at", "reader_id", "round_id")
    query = select(*(event.c[name] for name in names)).where(
        event.c.project_id == project_id, event.c.kind == EventKind.AUDIT_OPEN.value
    )
    return conn.execute(query.order_by(event.c.number)).all()


def opening(conn: Connection, project_id: int, number: int) -> Event:
    """The event that opened an audit."""
    query = select(event).where(event.c.project_id == project_id, event.c.number == number)
    return from_row(conn.execute(query).one())


def blind_answers(conn: Connection, project_id: int, after: int) -> list[BlindAnswer]:
    """Every answer that a reader gave blind since an event, in the order of the log.

    An answer that its reader took back before giving another one is marked: until then a page
    shows nothing that the answer has changed, so that nobody thinks better of it for that reason.
    One that was taken back later stays an answer; what it labelled does not.
    """
    answers = _rows(conn, project_id, after, ANSWERS)
    undos = {row.target: row for row in _rows(conn, project_id, after, [EventKind.UNDO])}
    blind = [row for row in answers if is_blind(row.kind, json.loads(row.payload))]
    following: dict[int, int] = {}
    newest: dict[int, int] = {}
    for row in blind:
        if row.reader_id in newest:
            following[newest[row.reader_id]] = row.number
        newest[row.reader_id] = row.number
    gone = set(
        conn.execute(
            select(undone.c.number).where(
                undone.c.project_id == project_id, undone.c.number > after
            )
        ).scalars()
    )

    def taken_back(number: int) -> bool:
        undo = undos.get(number) if number in gone else None
        return undo is not None and undo.number < following.get(number, undo.number + 1)

    return [
        BlindAnswer(
            number=row.number,
            kind=EventKind(row.kind),
            position=row.position,
            reader_id=row.reader_id,
            class_id=row.class_id,
            taken_back=taken_back(row.number),
        )
        for row in blind
    ]


def repeats(conn: Connection, project_id: int) -> list[tuple[int, int, int | None]]:
    """(reader id, position, class id or None) of every standing blind repeat, oldest first."""
    rows = _rows(conn, project_id, 0, [EventKind.AUDIT_REPEAT], standing=True)
    return [(row.reader_id, row.position, json.loads(row.payload)["class_id"]) for row in rows]


def accepted_by(conn: Connection, project_id: int) -> dict[int, list[float]]:
    """Number of an audit -> the thresholds of it that standing acceptances rest on."""
    found: dict[int, list[float]] = {}
    bulk = kinds_where(lambda rule: rule.bulk and rule.source is not None)
    for row in _rows(conn, project_id, 0, bulk, standing=True):
        proof = json.loads(row.payload).get("proof")
        if proof is not None:
            found.setdefault(proof["audit"], []).append(proof["threshold"])
    return found


def labels_given(conn: Connection, project_id: int) -> LabelsGiven:
    """Every current label of a class in use, with how it came about."""
    names = (current_label.c.position, current_label.c.class_id, current_label.c.event_number)
    query = (
        select(*names, event.c.kind, event.c.round_id)
        .join(
            event,
            (event.c.project_id == current_label.c.project_id)
            & (event.c.number == current_label.c.event_number),
        )
        .join(label_class, label_class.c.id == current_label.c.class_id)
        .where(current_label.c.project_id == project_id, label_class.c.retired.is_(False))
        .order_by(current_label.c.position)
    )
    rows = conn.execute(query).all()
    table = np.array([tuple(row[:3]) for row in rows], dtype=np.int64).reshape(len(rows), 3)
    given = select(event.c.number, event.c.kind, event.c.payload).where(
        event.c.project_id == project_id, event.c.kind.in_([kind.value for kind in ANSWERS])
    )
    blind = [r.number for r in conn.execute(given) if is_blind(r.kind, json.loads(r.payload))]
    bulk = {kind.value for kind in kinds_where(_in_bulk)}
    return LabelsGiven(
        positions=table[:, 0],
        class_ids=table[:, 1],
        rounds=np.array([row.round_id or 0 for row in rows], dtype=np.int64),
        blind=np.isin(table[:, 2], np.array(blind, dtype=np.int64)),
        in_bulk=np.array([row.kind in bulk for row in rows], dtype=np.bool_),
    )


def _in_bulk(rule: EventRule) -> bool:
    """Whether nobody is known to have looked at each of the images, here or where it was decided.

    How an imported pseudo-label was accepted is not known.
    """
    return rule.bulk or (rule.imported and rule.source is Source.ACCEPTED)


def _rows(
    conn: Connection,
    project_id: int,
    after: int,
    kinds: Sequence[EventKind],
    *,
    standing: bool = False,
) -> Sequence[Row[*tuple[Any, ...]]]:
    names = ("number", "kind", "position", "reader_id", "class_id", "target", "payload")
    query = select(*(event.c[name] for name in names)).where(
        event.c.project_id == project_id,
        event.c.number > after,
        event.c.kind.in_([kind.value for kind in kinds]),
    )
    if standing:
        gone = select(undone.c.number).where(undone.c.project_id == project_id)
        query = query.where(event.c.number.not_in(gone))
    return conn.execute(query.order_by(event.c.number)).all()
