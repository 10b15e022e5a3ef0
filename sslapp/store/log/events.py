"""The event log: appending a decision, and reading what was decided."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from sslapp.store.database import lock_project
from sslapp.store.errors import KeyReused
from sslapp.store.log import replay
from sslapp.store.log.chain import GENESIS, Event, from_row, hash_row, now
from sslapp.store.log.checks import Scope, check, check_judgement, check_undo, scope
from sslapp.store.log.fold import ImageState, Step
from sslapp.store.log.kinds import rule_of
from sslapp.store.schema import event
from sslapp.vocabulary import EventKind

__all__ = ["Draft", "Event", "append", "append_many", "find", "head", "read", "reused"]

_KEYS_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An event before it has a number; fields as in Event."""

    kind: EventKind
    key: str
    reader_id: int | None = None
    position: int | None = None
    class_id: int | None = None
    round_id: int | None = None
    target: int | None = None
    members: NDArray[np.int64] | None = None
    member_classes: NDArray[np.int64] | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)


def append(
    conn: Connection,
    project_id: int,
    kind: EventKind,
    *,
    key: str,
    reader_id: int | None = None,
    position: int | None = None,
    class_id: int | None = None,
    round_id: int | None = None,
    target: int | None = None,
    members: NDArray[np.int64] | None = None,
    member_classes: NDArray[np.int64] | None = None,
    payload: Mapping[str, Any] | None = None,
) -> Event:
    """Store one event and bring the derived tables up to date, in the open write transaction.

    The same key with the same content returns the event that is stored already, so a client may
    repeat a request whose answer it did not get.

    Args:
        conn: from `database.writing`.
        project_id: the project.
        kind: what happened.
        key: client-made, 1 to 64 characters.
        reader_id: who decided; needed for every reader action.
        position, class_id, round_id, target: what it is about.
        members: bulk: (n,) int64 sorted positions.
        member_classes: (n,) int64 class ids in that order; or those that the image is none of.
        payload: further facts that JSON can hold.

    Raises:
        Refused: when the event does not fit the project's present state; nothing is written.
        KeyReused: when the key was used for another content.
    """
    draft = Draft(
        kind=kind,
        key=key,
        reader_id=reader_id,
        position=position,
        class_id=class_id,
        round_id=round_id,
        target=target,
        members=members,
        member_classes=member_classes,
        payload=payload or {},
    )
    return append_many(conn, project_id, [draft])[0]


def append_many(conn: Connection, project_id: int, drafts: Sequence[Draft]) -> list[Event]:
    """Store many events at the cost of few statements; all of them or, on an error, none.

    Returns the events in the order of the drafts, stored ones for keys that were known. An undo
    cannot share a call with other events, because it refers to what is already stored.

    Raises:
        Refused, KeyReused: as `append`.
    """
    if len(drafts) > 1 and any(draft.kind is EventKind.UNDO for draft in drafts):
        raise ValueError("append_many: an undo must be appended by itself.")
    lock_project(conn, project_id)
    known = _known(conn, project_id, [draft.key for draft in drafts])
    number, prev_hash = head(conn, project_id)
    moment = now()
    result: list[Event] = []
    fresh: list[Event] = []
    for draft in drafts:
        made = _event(draft, project_id, number + 1, moment, prev_hash)
        if made.key in known:
            result.append(_repeated(known[made.key], made))
            continue
        made = replace(made, hash=hash_row(made.row()))
        number, prev_hash = made.number, made.hash
        known[made.key] = made
        result.append(made)
        fresh.append(made)
    if fresh:
        _store(conn, project_id, fresh)
    return result


def read(
    conn: Connection, project_id: int, after: int = 0, limit: int | None = None
) -> Iterator[Event]:
    """The project's events with a number above `after`, oldest first, at most `limit`."""
    query = (
        select(event)
        .where(event.c.project_id == project_id, event.c.number > after)
        .order_by(event.c.number)
        .limit(limit)
    )
    for row in conn.execute(query):
        yield from_row(row)


def find(conn: Connection, project_id: int, key: str) -> Event | None:
    """The event that was stored under a key; None for a key that is new."""
    return _known(conn, project_id, [key]).get(key)


def reused(stored: Event) -> KeyReused:
    """What to raise when the key of a stored event comes with another content."""
    return KeyReused(
        f'The key "{stored.key}" already names event {stored.number} ({stored.kind}) with another '
        "content. Send every new decision with a new key."
    )


def head(conn: Connection, project_id: int) -> tuple[int, str]:
    """Number and hash of the newest event; (0, GENESIS) before the first."""
    row = conn.execute(
        select(event.c.number, event.c.hash)
        .where(event.c.project_id == project_id)
        .order_by(event.c.number.desc())
        .limit(1)
    ).one_or_none()
    return (0, GENESIS) if row is None else (row.number, row.hash)


def up_to(conn: Connection, project_id: int, number: int) -> tuple[int, str]:
    """That number and the event's hash, which vouches for all events up to it; GENESIS for 0."""
    query = select(event.c.hash).where(event.c.project_id == project_id, event.c.number == number)
    return number, conn.execute(query).scalar() or GENESIS


def _event(draft: Draft, project_id: int, number: int, at: Any, prev_hash: str) -> Event:
    """The draft with its place in the log; NumPy integers become plain ones."""

    def plain(value: int | None) -> int | None:
        return None if value is None else int(value)

    def array(value: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
        return None if value is None else np.asarray(value, dtype=np.int64)

    return Event(
        project_id=project_id,
        number=number,
        at=at,
        kind=EventKind(draft.kind),
        reader_id=plain(draft.reader_id),
        key=draft.key,
        position=plain(draft.position),
        class_id=plain(draft.class_id),
        round_id=plain(draft.round_id),
        target=plain(draft.target),
        payload=draft.payload,
        members=array(draft.members),
        member_classes=array(draft.member_classes),
        prev_hash=prev_hash,
    )


def _known(conn: Connection, project_id: int, keys: Sequence[str]) -> dict[str, Event]:
    found: dict[str, Event] = {}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        chunk = keys[start : start + _KEYS_AT_ONCE]
        wanted = event.c.key == chunk[0] if len(chunk) == 1 else event.c.key.in_(chunk)
        rows = conn.execute(select(event).where(event.c.project_id == project_id, wanted))
        found |= {row.key: from_row(row) for row in rows}
    return found


def _repeated(stored: Event, made: Event) -> Event:
    if stored.same_decision(made):
        return stored
    raise reused(stored)


def _store(conn: Connection, project_id: int, fresh: Sequence[Event]) -> None:
    within = scope(conn, project_id, fresh)
    for made in fresh:
        check(made, within)
        if made.kind is EventKind.UNDO:
            check_undo(conn, made)
    positions = _touched(fresh)
    before = replay.load(conn, project_id, positions) if len(positions) else None
    after = None
    if before is not None:
        images = replay.images_of(before, positions.tolist())
        for made in fresh:
            _apply(made, images, within)
        after = replay.rows_of(images)
    conn.execute(event.insert(), [made.row() for made in fresh])
    if before is not None and after is not None:
        replay.store(conn, project_id, before, after)
    for made in fresh:
        if made.target is not None:
            replay.apply_undo(conn, project_id, made.target)
        if made.kind is EventKind.WITHDRAW_IMPORT:
            replay.cut(conn, project_id, made.payload["first"])


def _touched(fresh: Sequence[Event]) -> NDArray[np.int64]:
    """(n,) int64 sorted positions whose derived rows the events may change."""
    folded = [made for made in fresh if rule_of(made.kind).folded]
    singles = [made.position for made in folded if made.position is not None]
    bulks = [made.members for made in folded if made.members is not None]
    return np.unique(np.concatenate([np.array(singles, dtype=np.int64), *bulks]))


def _apply(made: Event, images: Mapping[int, ImageState], within: Scope) -> None:
    for position, step in _steps(made):
        check_judgement(position, images[position], step, within)
        images[position].apply(step)


def _steps(made: Event) -> Iterator[tuple[int, Step]]:
    step = Step(made.number, made.kind, made.reader_id, made.class_id, made.round_id)
    if not rule_of(made.kind).folded:
        return
    if made.position is not None:
        yield from replay.single_steps(step, made.position, made.member_classes)
    if made.members is not None:
        yield from replay.bulk_steps(step, made.members, made.member_classes)
