"""Bulk decisions: what a reader decides about many images as one event, and what became of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.rounds.predictions import predictions_of
from sslapp.store.database import reading, writing
from sslapp.store.log import events
from sslapp.store.log.decisions import bulk_decisions_of
from sslapp.store.log.events import Event
from sslapp.store.log.kinds import rule_of
from sslapp.store.rounds import finished_round, round_id
from sslapp.store.state import ProjectState, load_state
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.auditing.evidence import Unproven, must_be_proven
from sslapp.usecases.labelling.decisions import append, class_named, repeated
from sslapp.usecases.projects.classes import class_id
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.reviewing.past_decisions import known_then
from sslapp.usecases.reviewing.proofs import measured
from sslapp.usecases.reviewing.queue import Choice
from sslapp.vocabulary import EventKind, Sight, Source

Positions = NDArray[np.int64]


class BulkAction(StrEnum):
    """What a reader does with a whole selection."""

    ACCEPT = "accept"
    WITHHOLD = "withhold"
    RELABEL = "relabel"
    LABEL = "label"


@dataclass(frozen=True)
class Done:
    """A bulk decision that was stored.

    Attributes:
        decided_meanwhile: images of the selection that another decision had taken out of the
            pool since the reader's board was read; they are not in the event.
    """

    event: Event
    images: int
    decided_meanwhile: int


def decide(
    access: Access,
    project_id: int,
    positions: NDArray[np.int64],
    action: BulkAction,
    *,
    choice: Choice,
    seen: Board,
    now: Board,
    class_name: str | None = None,
    excluded: Sequence[int] = (),
    opened: int = 0,
    seen_in_grid: int = 0,
    key: str | None = None,
    unproven: bool = False,
) -> Done:
    """Store one decision about a selection.

    Args:
        positions: (n,) what `choice` selected on `seen`.
        seen: the board that the reader selected on.
        now: the board as it stands; images decided since `seen` are left out.
        class_name: the class of a relabel or a label.
        excluded: single images that the reader took out of the selection.
        opened: images looked at one by one for it.
        seen_in_grid: images of a label that were on screen, as some of many.
        key: made by the client; the same one again gives the event that it made.
        unproven: accept although nothing proves the project's precision.

    Raises:
        ValueError: when nothing is left to decide, or the decision is refused.
        Unproven: when nothing proves what is to be accepted, and `unproven` does not say so.
        KeyReused: when the key was used for another decision.
    """
    wanted = np.setdiff1d(positions, np.asarray(excluded, dtype=np.int64))
    open_now = wanted if seen is now else np.intersect1d(wanted, now.proposals.positions)
    if key is not None and (before := _stored(access, project_id, key)) is not None:
        assert before.members is not None
        # what it decided has left the list since, so a repetition may select less
        lacking = np.setdiff1d(before.members, wanted)
        same = not np.isin(lacking, seen.proposals.positions).any()
        if not same or len(np.setdiff1d(open_now, before.members)):
            raise events.reused(before)
        open_now = before.members
        wanted = np.union1d(wanted, open_now)
    if len(open_now) == 0:
        raise ValueError("Nothing is selected that could be decided. Select other images.")
    about = {
        "round_number": seen.round_number,
        "opened": opened,
        "payload": choice.payload(seen),
        "key": key,
    }
    if action is BulkAction.ACCEPT:
        about["unproven"] = unproven
        made = bulk_accept(access, project_id, open_now, **about)  # type: ignore[arg-type]
    elif action is BulkAction.WITHHOLD:
        made = withhold(access, project_id, open_now, **about)  # type: ignore[arg-type]
    elif class_name is None:
        raise ValueError(f"A {action} needs a class. Choose one.")
    elif action is BulkAction.RELABEL:
        made = bulk_relabel(access, project_id, open_now, class_name, **about)  # type: ignore[arg-type]
    else:
        del about["round_number"]  # the payload names the one that was in sight
        about["seen_in_grid"] = seen_in_grid
        made = bulk_label(access, project_id, open_now, class_name, **about)  # type: ignore[arg-type]
    return Done(made, len(open_now), len(wanted) - len(open_now))


def _stored(access: Access, project_id: int, key: str) -> Event | None:
    """The bulk decision that the key made before, if any."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        found = events.find(conn, project_id, key)
    if found is not None and found.members is None:
        raise events.reused(found)
    return found


@dataclass(frozen=True)
class PastBulk:
    """A bulk decision of the reader.

    Attributes:
        number: of its event.
        class_name: of a relabel.
        known: what was known of the labels that it gave, in words; "" where nothing is said.
        undone: whether an undo took it back.
    """

    number: int
    kind: EventKind
    at: datetime
    images: int
    round_number: int | None
    class_name: str | None
    known: str
    undone: bool

    @property
    def verb(self) -> str:
        """What was done with the images, as a sentence begins with it."""
        return rule_of(self.kind).past


def own_bulks(access: Access, project_id: int, limit: int = 5) -> list[PastBulk]:
    """The reader's newest bulk decisions, newest first."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        return [
            PastBulk(
                number=row.number,
                kind=EventKind(row.kind),
                at=row.at,
                images=row.bytes // np.dtype(np.int64).itemsize,
                round_number=json.loads(row.payload).get("round"),
                known=known_then(json.loads(row.payload)),
                class_name=row.name,
                undone=row.undone is not None,
            )
            for row in bulk_decisions_of(conn, project_id, access.reader_id, limit)
        ]


def bulk_accept(
    access: Access,
    project: str | int | None,
    positions: Positions,
    *,
    round_number: int | None = None,
    opened: int = 0,
    payload: Mapping[str, Any] | None = None,
    key: str | None = None,
    unproven: bool = False,
) -> Event:
    """Accept the round's classes for many images as one decision that one undo takes back.

    The event keeps what proves the labels, or what was known of them when they were accepted all
    the same.

    Args:
        opened: how many of the images the reader looked at one by one for it.
        payload: what selected them: threshold, polygon, class.
        unproven: accept them although nothing proves the project's precision.

    Raises:
        Unproven: when nothing does, and that was not asked for.
    """
    content = _content(positions, payload, opened)
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        about = content | _of_round(conn, project_id, round_number)
        if stored := repeated(conn, access, project_id, EventKind.BULK_ACCEPT, key, **about):
            return stored
        found = finished_round(conn, project_id, round_number)
        state = load_state(conn, project_id)
        predictions = predictions_of(access.workspace, found, state).at(content["members"])
        predictions.must_propose()
        _must_be_in_pool(state, content["members"])
        labels = (content["members"], predictions.proposed)
        known = _what_proves(conn, access, project_id, labels, unproven=unproven)
        if "unproven" in known:
            known["unproven"] = f"{known['unproven']} {measured(found)}".strip()
        content["payload"] |= known
        return append(
            conn,
            access,
            project_id,
            EventKind.BULK_ACCEPT,
            key=key,
            round_id=found.id,
            member_classes=predictions.proposed,
            **content,
        )


def _what_proves(
    conn: Connection,
    access: Access,
    project_id: int,
    labels: tuple[Positions, NDArray[np.int64]],
    *,
    unproven: bool,
) -> dict[str, Any]:
    """What an acceptance keeps of what is proven."""
    try:
        return {"proof": must_be_proven(conn, project_id, access.reader_id, *labels).row()}
    except Unproven as error:
        if not unproven:
            raise
        return {"unproven": error.known}


def withhold(
    access: Access,
    project: str | int | None,
    positions: Sequence[int] | Positions,
    *,
    round_number: int | None = None,
    opened: int = 0,
    payload: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Event:
    """Take candidates off the list until the next round, as one decision."""
    content = _content(positions, payload, opened)
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        about = content | _of_round(conn, project_id, round_number)
        if stored := repeated(conn, access, project_id, EventKind.BULK_WITHHOLD, key, **about):
            return stored
        found = finished_round(conn, project_id, round_number)
        return append(
            conn,
            access,
            project_id,
            EventKind.BULK_WITHHOLD,
            key=key,
            round_id=found.id,
            **content,
        )


def bulk_relabel(
    access: Access,
    project: str | int | None,
    positions: Sequence[int] | Positions,
    class_name: str,
    *,
    round_number: int | None = None,
    opened: int = 0,
    payload: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Event:
    """Give many images of the pool one class, against what the round proposes, as one decision.

    The labels count as accepted pseudo-labels, not as an expert's: nobody looked at each image.
    """
    content = _content(positions, payload, opened)
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        about = content | _of_round(conn, project_id, round_number)
        about["class_id"] = class_named(conn, project_id, class_name)
        if stored := repeated(conn, access, project_id, EventKind.BULK_RELABEL, key, **about):
            return stored
        found = finished_round(conn, project_id, round_number)
        _must_be_in_pool(load_state(conn, project_id), content["members"])
        return append(
            conn,
            access,
            project_id,
            EventKind.BULK_RELABEL,
            key=key,
            round_id=found.id,
            class_id=class_id(conn, project_id, class_name),
            **content,
        )


def bulk_label(
    access: Access,
    project: str | int | None,
    positions: Sequence[int] | Positions,
    class_name: str,
    *,
    opened: int = 0,
    seen_in_grid: int = 0,
    payload: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Event:
    """Give many images of the pool one class as the reader saw them: as a grid, not one by one.

    No round is needed. The labels count as accepted ones, not as an expert's, so that they are part
    of what an audit of labels is about; rounds are trained on them.

    Args:
        opened: how many of the images the reader looked at one by one for it.
        seen_in_grid: how many of them were on screen at all.
        payload: what selected them.
    """
    shown = {"sight": Sight.GRID, "seen": seen_in_grid}
    content = _content(positions, {**(payload or {}), **shown}, opened)
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        named = class_named(conn, project_id, class_name)
        about = {**content, "class_id": named}
        if stored := repeated(conn, access, project_id, EventKind.BULK_LABEL, key, **about):
            return stored
        _must_be_in_pool(load_state(conn, project_id), content["members"])
        return append(
            conn,
            access,
            project_id,
            EventKind.BULK_LABEL,
            key=key,
            class_id=class_id(conn, project_id, class_name),
            **content,
        )


def _content(
    positions: Sequence[int] | Positions, payload: Mapping[str, Any] | None, opened: int
) -> dict[str, Any]:
    """Members and payload of a bulk decision."""
    members = np.unique(np.asarray(positions, dtype=np.int64))
    return {"members": members, "payload": {**(payload or {}), "opened": opened}}


def _of_round(conn: Connection, project_id: int, number: int | None) -> dict[str, Any]:
    """The round's id if one is named; the newest may be another by now."""
    if number is None:
        return {}
    return {"round_id": round_id(conn, project_id, number)}


def _must_be_in_pool(state: ProjectState, positions: Positions) -> None:
    """Check that images may take a pseudo-label.

    Raises:
        ValueError: when not all do, saying why the first does not.
    """
    outside = positions[~np.isin(positions, state.pool)]
    if len(outside) == 0:
        return
    first = int(outside[0])
    why = "is not in the project"
    if 0 <= first < len(state.labels):
        why = _why_not_in_pool(state, first)
    raise ValueError(
        f"{len(outside)} of {len(positions)} cannot take a pseudo-label; image {first} {why}."
    )


def _why_not_in_pool(state: ProjectState, position: int) -> str:
    if state.is_test[position]:
        return "belongs to the test split"
    if state.holdout[position]:
        return "belongs to the holdout"
    if state.labels[position] >= 0:
        source = Source(int(state.source[position])).name.lower()
        return f"already has a label (source: {source}); relabel it or undo that decision"
    return "has every class rejected"
