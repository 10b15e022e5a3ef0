"""Answering an audit: the next images, and what a reader said of one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection

from sslapp.store import projects
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.images import pixel_hashes
from sslapp.store.log import audits, events
from sslapp.store.log.chain import now
from sslapp.store.log.decisions import standing_decisions
from sslapp.store.log.events import Event
from sslapp.store.log.kinds import Action, kinds_where, rule_of
from sslapp.store.people import leases
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.auditing.opened import find_audit
from sslapp.usecases.auditing.standing import AuditStanding, standing
from sslapp.usecases.labelling.decisions import append
from sslapp.usecases.labelling.offers import LEASE
from sslapp.usecases.labelling.outbox import Entry, Receipt, ingest, store_undo
from sslapp.usecases.labelling.tally import Decided
from sslapp.usecases.projects.classes import class_id, live_class_ids
from sslapp.vocabulary import EventKind, Purpose

UNSURE, NONE_OF_THESE = "unsure", "none of these"
"""Answers beside the classes."""

AUDITED = kinds_where(lambda rule: rule.action is Action.AUDIT)

REPEAT_EVERY = 20
"""After so many answers a reader is shown one of theirs again, to be compared with themselves."""

APART = 10
"""Answers that lie at least between an image and its repetition."""


@dataclass(frozen=True)
class Look:
    """An image to be looked at blind: nothing here says what anybody, or any round, thinks of it.

    Attributes:
        position: the image.
        image: its content hash.
    """

    position: int
    image: str


@dataclass(frozen=True)
class LooksOffered:
    """What a page gets to look at.

    Attributes:
        looks: further images, in the order to look at them.
        gone: of the images in hand, those that another reader answered or holds by now.
        images: of the images in hand, position -> content hash.
    """

    looks: list[Look]
    gone: list[int]
    images: dict[int, str]


def next_looks(
    access: Access, project: str | int | None, audit: int | None = None, *, count: int = 1
) -> list[Look]:
    """The next images of an audit's queue for a reader, leased to them.

    Args:
        audit: its number; default: the newest.
        count: at most so many.

    Returns:
        [] once every image of the lot was answered or is in somebody's hands.

    Raises:
        Refused: when there is no such audit.
    """
    return more_looks(access, project, audit, count=count).looks


def more_looks(
    access: Access,
    project: str | int | None,
    audit: int | None = None,
    *,
    count: int = 1,
    have: Sequence[int] = (),
) -> LooksOffered:
    """The next images for a reader who has some in hand already.

    Images that another reader has before them are passed over until they answer or let go; then
    they are served again. One look in so many is a repetition.

    Args:
        have: images in hand, which are leased again and not served twice.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = standing(conn, project_id, find_audit(conn, project_id, audit))
        lot, moment = found.opened.audit.lot, now()
        taken = np.zeros(0, dtype=np.int64)
        if projects.find_project(conn, project_id).settings.single_reads:
            taken = leases.others(conn, project_id, access.reader_id, Purpose.LABEL, moment)
        held = np.asarray(have, dtype=np.int64)
        away = np.flatnonzero(np.isin(lot.positions, np.union1d(taken, held)))
        rows = found.opened.audit.next_rows(found.answers, count, away.tolist())
        wanted = lot.positions[rows].tolist()
        again = _repetition(conn, project_id, access.reader_id, found, have)
        if again is not None and (wanted or have):
            wanted = [again, *wanted[: count - 1]]
        mine = np.unique(np.concatenate([np.array(wanted, dtype=np.int64), held]))
        mine = mine[~np.isin(mine, taken)]
        leases.take(conn, project_id, access.reader_id, mine, Purpose.LABEL, moment, moment + LEASE)
        hashes = pixel_hashes(conn, project_id, [*wanted, *have])
    theirs = (e.position for e in found.first.values() if e.reader_id != access.reader_id)
    lost = {*taken.tolist(), *theirs}
    return LooksOffered(
        looks=[Look(each, hashes[each]) for each in wanted],
        gone=[each for each in have if each in lost],
        images={each: hashes[each] for each in have if each in hashes},
    )


def last_answer(access: Access, project: str | int | None, audit: int) -> Decided | None:
    """The reader's newest standing answer in an audit, if it is the last thing that they said."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = standing(conn, project_id, find_audit(conn, project_id, audit))
        rows = standing_decisions(conn, project_id, access.reader_id, AUDITED, limit=1)
        newest = next(iter(rows), None)
        if newest is None or newest.number <= found.opened.event:
            return None
        return Decided(
            newest.number,
            newest.key,
            EventKind(newest.kind),
            newest.position,
            newest.sha256,
            newest.class_id,
            None,
        )


def answer(
    access: Access,
    project: str | int | None,
    audit: int | None,
    position: int,
    said: str,
    *,
    key: str | None = None,
    payload: Mapping[str, Any] | None = None,
) -> Event:
    """Record what a reader says of an image that they saw blind.

    It labels the image at once, whatever it was called before; `unsure` and `none of these` take
    its label away. An image that the reader answered before is a repetition and labels nothing.

    Args:
        audit: its number; default: the newest.
        said: a class, "unsure" or "none of these".
        key: made by the client; the same one again gives the event that it made.
        payload: what the page measured.

    Raises:
        Refused: when the image is not in the audit's lot, or another reader answered it before.
        ValueError: for an unknown class.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        stored = None if key is None else events.find(conn, project_id, key)
        if stored is not None:
            if (stored.position, stored.reader_id) != (position, access.reader_id):
                raise events.reused(stored)
            return stored
        found = standing(conn, project_id, find_audit(conn, project_id, audit))
        named = None if said in (UNSURE, NONE_OF_THESE) else class_id(conn, project_id, said)
        kind = EventKind.AUDIT_LABEL
        if named is None:
            kind = EventKind.AUDIT_UNSURE if said == UNSURE else EventKind.AUDIT_NONE
        return _append(
            conn, access, project_id, found, kind, position, named, key=key, payload=payload or {}
        )


def ingest_answers(
    access: Access,
    project: str | int | None,
    audit: int,
    client: str,
    items: Sequence[Mapping[str, Any]],
    *,
    refused: Collection[int] = (),
) -> Receipt:
    """Store what an audit's page sends; see labelling.outbox.

    Raises:
        ValueError: when the request is malformed or leaves a gap; then nothing is stored.
        Refused: when there is no such audit.
    """

    def store(
        conn: Connection, access: Access, project_id: int, client: str, entry: Entry
    ) -> Event:
        if entry.kind is EventKind.UNDO:
            return store_undo(conn, access, project_id, client, entry)
        if rule_of(entry.kind).action is not Action.AUDIT or entry.position is None:
            raise Refused(f"{entry.kind} is no answer to an audit.")
        found = standing(conn, project_id, find_audit(conn, project_id, audit))
        return _append(
            *(conn, access, project_id, found, entry.kind, entry.position, entry.class_id),
            key=f"{client}:{entry.seq}",
            payload=entry.measured(),
        )

    with reading(access.engine) as conn:
        find_audit(conn, find_project(conn, access, project), audit)
    return ingest(access, project, client, items, refused, store=store)


def _append(  # noqa: PLR0917
    conn: Connection,
    access: Access,
    project_id: int,
    found: AuditStanding,
    kind: EventKind,
    position: int,
    class_id: int | None,
    *,
    key: str | None,
    payload: Mapping[str, Any],
) -> Event:
    """Store an answer; a repetition, where the reader answered the image before."""
    before = found.first.get(found.row_of(position))
    about: dict[str, Any] = {"payload": {**payload, "audit": found.opened.event}}
    if before is not None:
        if before.reader_id != access.reader_id:
            raise Refused(f"Image {position} was answered by another reader already.")
        about["payload"]["class_id"] = class_id
        kind = EventKind.AUDIT_REPEAT
    elif kind is EventKind.AUDIT_LABEL:
        about["class_id"] = class_id
    elif kind is EventKind.AUDIT_NONE:
        about["member_classes"] = live_class_ids(conn, project_id)
    return append(conn, access, project_id, kind, key=key, position=position, **about)


def _repetition(
    conn: Connection,
    project_id: int,
    reader_id: int,
    found: AuditStanding,
    have: Sequence[int],
) -> int | None:
    """The image that the reader is shown again now, if it is time for one."""
    lot = found.opened.audit.lot
    mine = [each for each in found.first.values() if each.reader_id == reader_id]
    repeated = {
        position for reader, position, _ in audits.repeats(conn, project_id) if reader == reader_id
    }
    said = np.array(sorted(repeated), dtype=np.int64)
    inside = said[lot.rows_of(said)[1]]
    due = len(mine) // REPEAT_EVERY
    earlier = sorted(mine, key=lambda each: each.number)[: max(len(mine) - APART, 0)]
    fresh = [each.position for each in earlier if each.position not in repeated | set(have)]
    if len(inside) >= due or not fresh:
        return None
    # which one is fixed by the seed, and by nothing that the answers said
    rng = np.random.default_rng([found.opened.audit.terms.seed, reader_id, len(inside)])
    return int(fresh[rng.integers(len(fresh))])
