"""The decisions of a project's readers, newest first: who decided what, when, about how many."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row

from sslapp.store import label_classes
from sslapp.store.database import reading
from sslapp.store.log.decisions import Sought, deciders, decisions_made
from sslapp.store.log.kinds import READER_ACTIONS, Action, kinds_where, rule_of
from sslapp.usecases.access import Access, find_project
from sslapp.vocabulary import EventKind, Sight
from sslapp.words import at_least

__all__ = ["PAGE", "Action", "PastDecision", "known_then", "past_decisions", "who_decided"]

PAGE = 20
"""Decisions of a page."""


@dataclass(frozen=True, kw_only=True)
class PastDecision:
    """A decision that a reader made.

    Attributes:
        number: of its event.
        at: UTC.
        images: how many it is about.
        position: the image, if it is one.
        round_number: of the round that was in sight, if any.
        class_name: the class that it names for all its images.
        target: number of the decision that an undo took back.
        known: what was known of the labels that it gave, in words; "" where nothing was to be said.
        undone: whether an undo took it back.
        why_it_stays: why who asks cannot take it back; "" where they can.
    """

    number: int
    kind: EventKind
    at: datetime
    reader: str
    images: int
    position: int | None
    round_number: int | None
    class_name: str | None
    target: int | None
    known: str
    undone: bool
    why_it_stays: str

    @property
    def verb(self) -> str:
        """What was done, as a sentence begins with it."""
        return rule_of(self.kind).past or self.kind.replace("_", " ").capitalize()


def past_decisions(
    access: Access,
    project: str | int | None,
    *,
    reader: str | None = None,
    action: Action | None = None,
    class_name: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> list[PastDecision]:
    """Decisions of every reader, undone ones too, newest first.

    Args:
        reader: only theirs, by name.
        action: only of this group.
        class_name: only those that name this class; what was accepted together names one for each
            image and is left out.
        since, until: UTC, from the one on and before the other.
        before: only events with a lower number, as the last of a page before has.
        limit: so many at most.

    Raises:
        ValueError: for a reader who decided nothing here, or a class that the project does not
            have.
    """
    kinds = READER_ACTIONS if action is None else kinds_where(lambda rule: rule.action is action)
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        named = {
            each.name: each.id for each in label_classes.classes(conn, project_id, retired=True)
        }
        if class_name is not None and class_name not in named:
            raise ValueError(f"There is no class {class_name} in this project.")
        reader_id = None
        if reader is not None:
            by_name = {name: each for each, name in _deciders(conn, project_id).items()}
            if reader not in by_name:
                raise ValueError(f"{reader} has decided nothing in this project.")
            reader_id = by_name[reader]
        sought = Sought(
            kinds=kinds,
            reader_id=reader_id,
            class_id=None if class_name is None else named[class_name],
            since=since,
            until=until,
        )
        rows = decisions_made(conn, project_id, sought, before=before, limit=limit)
        return [_decision(row, access.reader_id) for row in rows]


def who_decided(access: Access, project: str | int | None) -> list[str]:
    """Names of the readers who decided anything, in order."""
    with reading(access.engine) as conn:
        return list(_deciders(conn, find_project(conn, access, project)).values())


def known_then(payload: Mapping[str, Any]) -> str:
    """What a decision keeps of what was known of its labels, as a part of a sentence."""
    if proof := payload.get("proof"):
        return f"proven at least {at_least(proof['precision'])} right"
    if known := payload.get("unproven"):
        return f"unproven: {known[0].lower()}{known[1:].rstrip('.')}"
    return "seen as a grid" if payload.get("sight") == Sight.GRID else ""


def _deciders(conn: Connection, project_id: int) -> dict[int, str]:
    return deciders(conn, project_id, READER_ACTIONS)


def _decision(row: Row[Any], reader_id: int) -> PastDecision:
    payload = json.loads(row.payload)
    many = None if row.bytes is None else row.bytes // np.dtype(np.int64).itemsize
    mine = row.reader_id == reader_id
    stays = "" if mine else f"Only {row.reader} can take it back."
    if row.undone is not None:
        stays = "It is undone."
    shown = row.round if row.round is not None else payload.get("round")
    return PastDecision(
        number=row.number,
        kind=EventKind(row.kind),
        at=row.at,
        reader=row.reader,
        images=many if many is not None else int(row.position is not None),
        position=row.position,
        round_number=shown if isinstance(shown, int) else None,
        class_name=row.class_name,
        target=row.target,
        known=known_then(payload),
        undone=row.undone is not None,
        why_it_stays=stays,
    )
