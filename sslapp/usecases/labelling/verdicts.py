"""Accept, reject or relabel single images that were on screen beside what a round predicted.

A verdict reads the few rows of its image, so that it costs the same in a project of a million.
`verdict_on` is what the browser's outbox and the command line have in common: whether the image
may be judged, and which class the verdict is about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import Connection

from sslapp.rounds.predictions import predictions_at
from sslapp.store.database import writing
from sslapp.store.errors import NotFinished, Refused
from sslapp.store.images import image_rows
from sslapp.store.labels import current_labels, in_holdout
from sslapp.store.log.events import Event
from sslapp.store.rounds import FinishedRound, finished_round
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.labelling.decisions import append
from sslapp.usecases.projects.classes import class_id
from sslapp.vocabulary import EventKind, Split
from sslapp.workspace import Workspace


@dataclass(frozen=True)
class Verdict:
    """What an event about a prediction says besides its image."""

    class_id: int
    round_id: int
    payload: Mapping[str, Any] = field(default_factory=dict)


def accept(
    access: Access,
    project: str | int | None,
    positions: Sequence[int],
    *,
    round_number: int | None = None,
) -> list[Event]:
    """Accept the round's class for single images that were on screen, one event each."""
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = finished_round(conn, project_id, round_number)
        return [
            _append(conn, access, EventKind.ACCEPT, position, found=found)
            for position in np.unique(np.asarray(positions, dtype=np.int64)).tolist()
        ]


def reject(
    access: Access,
    project: str | int | None,
    position: int,
    class_name: str | None = None,
    *,
    round_number: int | None = None,
) -> Event:
    """Record that an image which was on screen is *not* of a class; default: the proposed one.

    A class that is named needs no round.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        named = None if class_name is None else class_id(conn, project_id, class_name)
        try:
            found = finished_round(conn, project_id, round_number)
        except NotFinished:
            if named is None or round_number is not None:
                raise
            must_not_measure(conn, project_id, position)
            return append(
                conn, access, project_id, EventKind.REJECT, position=position, class_id=named
            )
        return _append(conn, access, EventKind.REJECT, position, found=found, named=named)


def relabel(
    access: Access,
    project: str | int | None,
    position: int,
    class_name: str,
    *,
    round_number: int | None = None,
) -> Event:
    """Record the right class for an image whose proposed class is wrong."""
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = finished_round(conn, project_id, round_number)
        named = class_id(conn, project_id, class_name)
        return _append(conn, access, EventKind.RELABEL, position, found=found, named=named)


def _append(
    conn: Connection,
    access: Access,
    kind: EventKind,
    position: int,
    *,
    found: FinishedRound,
    named: int | None = None,
) -> Event:
    verdict = verdict_on(conn, access.workspace, kind, position, found=found, named=named)
    return append(
        conn,
        access,
        found.project_id,
        kind,
        position=position,
        class_id=verdict.class_id,
        round_id=verdict.round_id,
        payload=verdict.payload,
    )


def verdict_on(
    conn: Connection,
    workspace: Workspace,
    kind: EventKind,
    position: int,
    *,
    found: FinishedRound,
    named: int | None,
) -> Verdict:
    """What a reader's verdict on a prediction comes to.

    Args:
        kind: accept, reject or relabel.
        found: the round whose prediction is judged.
        named: relabel: the right class's id. reject: the class it is not; default the proposed
            one. accept: the proposed class that was on screen, which is checked.

    Raises:
        Refused: when the image measures (holdout, test), cannot take what is said, or the round
            proposes another class than the one that was on screen.
    """
    if kind is EventKind.RELABEL and named is None:
        raise Refused("A relabel names the right class.")
    if kind is not EventKind.ACCEPT and named is not None:
        must_not_measure(conn, found.project_id, position)
        return Verdict(named, found.id)
    only = np.array([position], dtype=np.int64)
    predictions = predictions_at(conn, workspace, found, only)
    must_not_measure(conn, found.project_id, position)
    predictions.must_propose()
    proposed = int(predictions.proposed[0])
    if kind is EventKind.REJECT:
        return Verdict(proposed, found.id)
    if named not in (None, proposed):
        raise Refused(
            f"Round {found.number} no longer proposes that class for image {position}. "
            "Look at it again."
        )
    _must_be_unlabelled(conn, found.project_id, position)
    confidence = round(float(predictions.best.confidence[0]), 6)
    return Verdict(proposed, found.id, {"confidence": confidence})


def must_not_measure(conn: Connection, project_id: int, position: int) -> None:
    """Check that an image neither belongs to the holdout nor to the test split.

    They measure; whoever judges them must not have seen a prediction.

    Raises:
        Refused: when it does, or there is no such image.
    """
    (image,) = image_rows(conn, project_id, [position])
    where = "test split" if image.split is Split.TEST else None
    if where is None and in_holdout(conn, project_id, np.array([position]))[0]:
        where = "holdout"
    if where is not None:
        raise Refused(
            f"Image {position} belongs to the {where}, where a judgement on a prediction would "
            "spoil the measurement. Give it a label instead."
        )


def _must_be_unlabelled(conn: Connection, project_id: int, position: int) -> None:
    held = current_labels(conn, project_id, [position]).get(position)
    if held is not None:
        raise Refused(
            f"Image {position} already has a label (source: {held.source.name.lower()}); relabel "
            "it or undo that decision."
        )
