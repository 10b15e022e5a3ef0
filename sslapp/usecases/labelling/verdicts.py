"""Accept, reject or relabel one image that was on screen beside what a round predicted for it.

These touch the few rows of one image, so that a key costs the same in a project of a million.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, RowMapping

from sslapp.review.confidence import calibrated
from sslapp.store.errors import Refused, Unknown
from sslapp.store.images import image_rows
from sslapp.store.schema import holdout
from sslapp.usecases.access import Access
from sslapp.usecases.labelling.entries import Entry
from sslapp.usecases.reviewing.round_rows import (
    NO_CLASS,
    among,
    labels,
    probabilities,
    propose,
    round_row,
    ruled_out,
)
from sslapp.vocabulary import EventKind, Split


@dataclass(frozen=True)
class Verdict:
    """What an event about a prediction says besides its image."""

    class_id: int
    round_id: int
    payload: Mapping[str, Any]


def judged(conn: Connection, access: Access, project_id: int, entry: Entry) -> Verdict:
    """The verdict of an accept, reject or relabel.

    Raises:
        Refused: when the image measures (holdout, test), cannot take what is said, or the round
            proposes another class than the one that was on screen.
    """
    assert entry.position is not None
    row = _round(conn, project_id, entry.round)
    _must_not_measure(conn, project_id, entry.position)
    if entry.kind is EventKind.RELABEL:
        if entry.class_id is None:
            raise Refused("A relabel names the right class.")
        return Verdict(entry.class_id, row["id"], {})
    if entry.kind is EventKind.REJECT and entry.class_id is not None:
        return Verdict(entry.class_id, row["id"], {})
    class_id, confidence = _proposed(conn, access, project_id, row, entry.position)
    if entry.kind is EventKind.REJECT:
        return Verdict(class_id, row["id"], {})
    if entry.class_id not in (None, class_id):
        raise Refused(
            f"Round {row['number']} no longer proposes that class for image {entry.position}. "
            "Look at it again."
        )
    _must_be_unlabelled(conn, project_id, entry.position)
    return Verdict(class_id, row["id"], {"confidence": round(confidence, 6)})


def _proposed(
    conn: Connection, access: Access, project_id: int, row: RowMapping, position: int
) -> tuple[int, float]:
    """The most probable class that nobody has ruled out, and its calibrated confidence."""
    only = np.array([position], dtype=np.int64)
    class_ids = np.array(row["class_ids"], dtype=np.int64)
    try:
        raw = probabilities(access, row, only)  # (1, C)
    except Unknown as error:
        raise Refused(str(error)) from None
    forbidden = ruled_out(conn, project_id, class_ids, only)
    classes, confidence = propose(calibrated(raw, row["temperature"]), forbidden, class_ids)
    if classes[0] == NO_CLASS:
        raise Refused(f"Image {position} has no class left to propose; label it instead.")
    return int(classes[0]), float(confidence[0])


def _round(conn: Connection, project_id: int, number: int | None) -> RowMapping:
    try:
        return round_row(conn, project_id, -1 if number is None else number)
    except Unknown:
        raise Refused(f"Round {number} has not finished yet. Start one and wait for it.") from None


def _must_not_measure(conn: Connection, project_id: int, position: int) -> None:
    """Holdout and test images measure; whoever judges them must not have seen a prediction."""
    (found,) = image_rows(conn, project_id, [position])
    where = "test split" if found.split is Split.TEST else None
    if where is None and among(conn, holdout, project_id, np.array([position]))[0]:
        where = "holdout"
    if where is not None:
        raise Refused(
            f"Image {position} belongs to the {where}, where a judgement on a prediction would "
            "spoil the measurement. Give it a label instead."
        )


def _must_be_unlabelled(conn: Connection, project_id: int, position: int) -> None:
    held = labels(conn, project_id, np.array([position])).get(position)
    if held is not None:
        raise Refused(
            f"Image {position} already has a label (source: {held.source.name.lower()}); relabel "
            "it or undo that decision."
        )
