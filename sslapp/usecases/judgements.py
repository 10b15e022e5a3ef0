"""Accept, reject or relabel one image that was on screen beside what a round predicted for it.

These touch the few rows of one image, so that a key costs the same in a project of a million.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, RowMapping, select

from sslapp import durable
from sslapp.review.candidates import candidates
from sslapp.review.confidence import calibrated
from sslapp.store import projects
from sslapp.store.errors import Refused
from sslapp.store.images import image_rows
from sslapp.store.schema import (
    current_label,
    forbidden_class,
    holdout,
    label_class,
    round_,
    snapshot,
)
from sslapp.usecases.access import Access
from sslapp.usecases.entries import Entry
from sslapp.vocabulary import EventKind, Source, Split


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
    class_id, confidence = proposed(conn, access, project_id, row, entry.position)
    if entry.kind is EventKind.REJECT:
        return Verdict(class_id, row["id"], {})
    if entry.class_id not in (None, class_id):
        raise Refused(
            f"Round {row['number']} no longer proposes that class for image {entry.position}. "
            "Look at it again."
        )
    _must_be_unlabelled(conn, project_id, entry.position)
    return Verdict(class_id, row["id"], {"confidence": round(confidence, 6)})


def proposed(
    conn: Connection, access: Access, project_id: int, row: RowMapping, position: int
) -> tuple[int, float]:
    """The most probable class that nobody has ruled out, and its calibrated confidence.

    Raises:
        Refused: when the round does not cover the image, or no class is left.
    """
    table = durable.read_array(access.workspace.path(row["probabilities"]))
    if position >= len(table):
        raise Refused(
            f"Round {row['number']} covers images 0 to {len(table) - 1}; image {position} came "
            "later. Start a new round."
        )
    raw = np.array(table[position : position + 1], dtype=np.float32)  # (1, C)
    class_ids: list[int] = row["class_ids"]
    ruled_out = _ruled_out(conn, project_id, position, class_ids)
    only = np.zeros(1, dtype=np.int64)
    found = candidates(calibrated(raw, row["temperature"]), only, 0.0, ruled_out, only[:0])
    if len(found) == 0:
        raise Refused(f"Image {position} has no class left to propose; label it instead.")
    return class_ids[found.columns[0]], float(found.confidence[0])


def _ruled_out(
    conn: Connection, project_id: int, position: int, class_ids: Sequence[int]
) -> NDArray[np.bool_]:
    """(1, C) bool: the round's classes that readers rejected for the image, or that are retired."""
    rejected = select(forbidden_class.c.class_id).where(
        forbidden_class.c.project_id == project_id, forbidden_class.c.position == position
    )
    live = {each.id for each in projects.classes(conn, project_id)}
    allowed = live - set(conn.execute(rejected).scalars())
    return np.array([[each not in allowed for each in class_ids]])


def _round(conn: Connection, project_id: int, number: int | None) -> RowMapping:
    query = (
        select(round_, snapshot.c.class_ids)
        .join(snapshot, snapshot.c.id == round_.c.snapshot_id)
        .where(
            round_.c.project_id == project_id,
            round_.c.number == number,
            round_.c.probabilities.is_not(None),
        )
    )
    row = conn.execute(query).mappings().one_or_none()
    if row is None:
        raise Refused(f"Round {number} has not finished yet. Start one and wait for it.")
    return row


def _must_not_measure(conn: Connection, project_id: int, position: int) -> None:
    """Holdout and test images measure; whoever judges them must not have seen a prediction."""
    (found,) = image_rows(conn, project_id, [position])
    drawn = select(holdout.c.position).where(
        holdout.c.project_id == project_id, holdout.c.position == position
    )
    where = "test split" if found.split is Split.TEST else None
    if where is None and conn.execute(drawn).scalar() is not None:
        where = "holdout"
    if where is not None:
        raise Refused(
            f"Image {position} belongs to the {where}, where a judgement on a prediction would "
            "spoil the measurement. Give it a label instead."
        )


def _must_be_unlabelled(conn: Connection, project_id: int, position: int) -> None:
    source = conn.execute(
        select(current_label.c.source)
        .join(label_class, label_class.c.id == current_label.c.class_id)
        .where(
            current_label.c.project_id == project_id,
            current_label.c.position == position,
            ~label_class.c.retired,  # a label of a retired class is none
        )
    ).scalar()
    if source is not None:
        name = Source(source).name.lower()
        raise Refused(
            f"Image {position} already has a label (source: {name}); relabel it or undo that "
            "decision."
        )
