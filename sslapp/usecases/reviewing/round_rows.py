"""What a round says about a few images, and how these stand now, without reading the project.

`predictions.read_predictions` calibrates all images of a round at once; the review desk asks about
one or a page of them, again after every decision.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, RowMapping, Table, select

from sslapp import durable
from sslapp.review.candidates import candidates
from sslapp.review.confidence import calibrated
from sslapp.store import images, projects
from sslapp.store.errors import Refused, Unknown
from sslapp.store.rounds import finished
from sslapp.store.schema import (
    current_label,
    event,
    forbidden_class,
    holdout,
    label_class,
    reader,
    round_,
    snapshot,
    withheld,
)
from sslapp.usecases.access import Access
from sslapp.vocabulary import Source, Split

Positions = NDArray[np.int64]
NOTHING = np.zeros(0, dtype=np.int64)
NO_CLASS = -1


@dataclass(frozen=True)
class Label:
    """An image's current label: its class id, source, and the reader who gave it."""

    class_id: int
    source: Source
    reader: str


@dataclass(frozen=True, kw_only=True, eq=False)
class RoundRows:
    """q images of a round with C classes.

    Attributes:
        positions: (q,) int64, as asked.
        names: of the images, as imported.
        hashes: of their contents.
        class_ids: (C,) int64, what the columns mean.
        in_use: (C,) bool, False for classes retired since.
        temperature: of the round; `is_calibrated` says whether it was fitted, `judged` on how many.
        raw, calibrated: (q, C) float32 probabilities before and after the temperature.
        forbidden: (q, C) bool, ruled out by readers, or a class that is retired.
        proposed: (q,) int64 class ids, the likeliest that is not ruled out; NO_CLASS for none.
        confidence: (q,) float32 of it among those not ruled out.
        before: (q,) int64 class ids that the previous round predicted where this one predicts
            another; NO_CLASS elsewhere.
        labels: position -> its current label.
        withheld, blind: (q,) bool: off the round's list; of the holdout or the test split.
    """

    positions: Positions
    names: list[str]
    hashes: list[str]
    class_ids: NDArray[np.int64]
    in_use: NDArray[np.bool_]
    temperature: float
    is_calibrated: bool
    judged: int
    raw: NDArray[np.float32]
    calibrated: NDArray[np.float32]
    forbidden: NDArray[np.bool_]
    proposed: NDArray[np.int64]
    confidence: NDArray[np.float32]
    before: NDArray[np.int64]
    labels: dict[int, Label]
    withheld: NDArray[np.bool_]
    blind: NDArray[np.bool_]


def read_rows(
    conn: Connection, access: Access, project_id: int, round_number: int, positions: Positions
) -> RoundRows:
    """Read a finished round's rows of (q,) images, each once.

    Raises:
        Unknown: for a round or image there is not, or one that came after the round's snapshot.
    """
    try:
        found = images.image_rows(conn, project_id, positions)
    except Refused as error:
        raise Unknown(str(error)) from None
    row = round_row(conn, project_id, round_number)
    class_ids = np.array(row["class_ids"], dtype=np.int64)
    raw = probabilities(access, row, positions)
    metrics = row["metrics"] or {}
    smooth = calibrated(raw, row["temperature"])
    in_use = _in_use(conn, project_id, class_ids)
    forbidden = ruled_out(conn, project_id, class_ids, positions)
    likeliest, confidence = propose(smooth, forbidden, class_ids)
    is_test = np.array([each.split == Split.TEST for each in found], dtype=np.bool_)
    return RoundRows(
        positions=positions,
        names=[each.name for each in found],
        hashes=[each.sha256 for each in found],
        class_ids=class_ids,
        in_use=in_use,
        temperature=row["temperature"],
        is_calibrated=bool(metrics.get("calibrated", False)),
        judged=int(metrics.get("holdout", 0)),
        raw=raw,
        calibrated=smooth,
        forbidden=forbidden,
        proposed=likeliest,
        confidence=confidence,
        before=_before(
            conn,
            access,
            project_id,
            row,
            predicted=class_ids[raw.argmax(axis=1)],
            positions=positions,
        ),
        labels=labels(conn, project_id, positions),
        withheld=among(conn, withheld, project_id, positions, row["id"]),
        blind=is_test | among(conn, holdout, project_id, positions),
    )


def round_row(
    conn: Connection, project_id: int, number: int, *, or_before: bool = False
) -> RowMapping:
    """A finished round with the classes of its snapshot.

    Args:
        or_before: the newest finished one up to `number` instead.

    Raises:
        Unknown: when there is none.
    """
    query = (
        select(round_, snapshot.c.class_ids)
        .join(snapshot, snapshot.c.id == round_.c.snapshot_id)
        .where(finished(project_id))
        .where(round_.c.number <= number if or_before else round_.c.number == number)
        .order_by(round_.c.number.desc())
    )
    row = conn.execute(query.limit(1)).mappings().first()
    if row is None:
        raise Unknown(f"This project has no finished round {number}.")
    return row


def probabilities(access: Access, row: RowMapping, positions: Positions) -> NDArray[np.float32]:
    """(q, C) float32, raw."""
    whole = durable.read_array(access.workspace.path(row["probabilities"]))
    if len(positions) and positions.max() >= len(whole):
        raise Unknown(
            f"Round {row['number']} covers images 0 to {len(whole) - 1}; image {positions.max()} "
            "came later. Start a new round."
        )
    return np.asarray(whole[positions], dtype=np.float32)


def propose(
    probabilities: NDArray[np.float32], forbidden: NDArray[np.bool_], class_ids: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(q,) class ids and (q,) confidences, by the rule that makes candidates."""
    count = len(probabilities)
    best = candidates(probabilities, np.arange(count), 0.0, forbidden, NOTHING)
    proposed = np.full(count, NO_CLASS, dtype=np.int64)
    confidence = np.zeros(count, dtype=np.float32)
    proposed[best.positions] = class_ids[best.columns]
    confidence[best.positions] = best.confidence
    return proposed, confidence


def _before(
    conn: Connection,
    access: Access,
    project_id: int,
    row: RowMapping,
    *,
    predicted: NDArray[np.int64],
    positions: Positions,
) -> NDArray[np.int64]:
    """(q,) class ids of the round before where they differ from `predicted`."""
    before = np.full(len(positions), NO_CLASS, dtype=np.int64)
    try:
        previous = round_row(conn, project_id, row["number"] - 1, or_before=True)
    except Unknown:
        return before  # the first round
    whole = durable.read_array(access.workspace.path(previous["probabilities"]))
    there = np.flatnonzero(positions < len(whole))
    columns = np.asarray(whole[positions[there]]).argmax(axis=1)
    before[there] = np.array(previous["class_ids"], dtype=np.int64)[columns]
    before[before == predicted] = NO_CLASS
    return before


def ruled_out(
    conn: Connection, project_id: int, class_ids: NDArray[np.int64], positions: Positions
) -> NDArray[np.bool_]:
    """(q, C) bool: what readers ruled out, and the classes that are retired."""
    table = np.zeros((len(positions), len(class_ids)), dtype=np.bool_)
    row_of = {position: row for row, position in enumerate(positions.tolist())}
    column_of = {each: column for column, each in enumerate(class_ids.tolist())}
    query = select(forbidden_class.c.position, forbidden_class.c.class_id).where(
        forbidden_class.c.project_id == project_id,
        forbidden_class.c.position.in_(list(row_of)),
    )
    for position, class_id in conn.execute(query):
        if class_id in column_of:
            table[row_of[position], column_of[class_id]] = True
    return table | ~_in_use(conn, project_id, class_ids)


def _in_use(conn: Connection, project_id: int, class_ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(C,) bool: False for classes that are retired."""
    return np.isin(class_ids, [each.id for each in projects.classes(conn, project_id)])


def labels(conn: Connection, project_id: int, positions: Positions) -> dict[int, Label]:
    """Position -> current label, for those of (q,) images that have one."""
    query = (
        select(current_label, reader.c.name)
        .join(
            event,
            (event.c.project_id == current_label.c.project_id)
            & (event.c.number == current_label.c.event_number),
        )
        .join(reader, reader.c.id == event.c.reader_id)
        .join(label_class, label_class.c.id == current_label.c.class_id)
        .where(
            ~label_class.c.retired,  # a label of a retired class is none
            current_label.c.project_id == project_id,
            current_label.c.position.in_(positions.tolist()),
        )
    )
    return {
        row.position: Label(row.class_id, Source(row.source), row.name)
        for row in conn.execute(query)
    }


def among(
    conn: Connection,
    table: Table,
    project_id: int,
    positions: Positions,
    round_id: int | None = None,
) -> NDArray[np.bool_]:
    """(q,) bool: which images have a row in a derived table, of a round if named."""
    query = select(table.c.position).where(
        table.c.project_id == project_id, table.c.position.in_(positions.tolist())
    )
    if round_id is not None:
        query = query.where(table.c.round_id == round_id)
    return np.isin(positions, np.array(conn.execute(query).scalars().all(), dtype=np.int64))
