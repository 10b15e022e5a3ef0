"""Answering an audit: the next images, and what a reader said of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection

from sslapp.store import leases, projects
from sslapp.store.database import writing
from sslapp.store.errors import Refused
from sslapp.store.images import pixel_hashes
from sslapp.store.log import audits, events
from sslapp.store.log.chain import now
from sslapp.store.log.events import Event
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.auditing.opened import find_audit
from sslapp.usecases.auditing.standing import AuditStanding, standing
from sslapp.usecases.labelling.decisions import append
from sslapp.usecases.labelling.offers import LEASE
from sslapp.usecases.projects.classes import class_id
from sslapp.vocabulary import EventKind, Purpose

UNSURE, NONE_OF_THESE = "unsure", "none of these"
"""Answers beside the classes."""

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


def next_looks(
    access: Access,
    project: str | int | None,
    audit: int | None = None,
    *,
    count: int = 1,
    have: Sequence[int] = (),
) -> list[Look]:
    """The next images of an audit's queue for a reader, leased to them.

    Images that another reader has before them are passed over until they answer or let go; then
    they are served again. One look in so many is a repetition.

    Args:
        audit: its number; default: the newest.
        count: at most so many.
        have: images that the reader has in hand; they are leased again and not served twice.

    Returns:
        [] once every image of the lot was answered or is in somebody's hands.

    Raises:
        Refused: when there is no such audit.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = standing(conn, project_id, find_audit(conn, project_id, audit))
        lot = found.opened.audit.lot
        moment = now()
        taken = leases.others(conn, project_id, access.reader_id, Purpose.LABEL, moment)
        if not projects.find_project(conn, project_id).settings.single_reads:
            taken = np.zeros(0, dtype=np.int64)
        away = np.union1d(taken, np.asarray(have, dtype=np.int64))
        rows = np.flatnonzero(np.isin(lot.positions, away))
        wanted = lot.positions[found.opened.audit.next_rows(found.answers, count, rows.tolist())]
        positions = wanted.tolist()
        again = _repetition(conn, project_id, access.reader_id, found, have)
        if again is not None and positions:
            positions = [again, *positions[: count - 1]]
        mine = np.unique(np.concatenate([wanted, np.asarray(have, dtype=np.int64)]))
        leases.take(conn, project_id, access.reader_id, mine, Purpose.LABEL, moment, moment + LEASE)
        hashes = pixel_hashes(conn, project_id, positions)
    return [Look(each, hashes[each]) for each in positions]


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
        kind, about = _said(conn, project_id, found, access.reader_id, position, said)
        kept = {**(payload or {}), **about.pop("payload", {}), "audit": found.opened.event}
        return append(
            conn, access, project_id, kind, key=key, position=position, payload=kept, **about
        )


def _said(  # noqa: PLR0917
    conn: Connection,
    project_id: int,
    found: AuditStanding,
    reader_id: int,
    position: int,
    said: str,
) -> tuple[EventKind, dict[str, Any]]:
    """The kind of event that an answer is, and its fields."""
    row = found.row_of(position)
    named = None if said in (UNSURE, NONE_OF_THESE) else class_id(conn, project_id, said)
    before = found.first.get(row)
    if before is not None:
        if before.reader_id != reader_id:
            raise Refused(f"Image {position} was answered by another reader already.")
        return EventKind.AUDIT_REPEAT, {"payload": {"class_id": named}}
    if said == UNSURE:
        return EventKind.AUDIT_UNSURE, {}
    if said == NONE_OF_THESE:
        live = sorted(each.id for each in projects.classes(conn, project_id))
        return EventKind.AUDIT_NONE, {"member_classes": np.array(live, dtype=np.int64)}
    return EventKind.AUDIT_LABEL, {"class_id": named}


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
    inside = repeated & set(lot.positions.tolist())
    due = len(mine) // REPEAT_EVERY
    earlier = sorted(mine, key=lambda each: each.number)[: max(len(mine) - APART, 0)]
    fresh = [each.position for each in earlier if each.position not in repeated | set(have)]
    if len(inside) >= due or not fresh:
        return None
    # which one is fixed by the seed, and by nothing that the answers said
    rng = np.random.default_rng([found.opened.audit.terms.seed, reader_id, len(inside)])
    return int(fresh[rng.integers(len(fresh))])
