"""One image under review: what the round says about it, and what speaks for and against it.

Without a round nothing is predicted, and an image has its label and its neighbours alone.

Everything is read for the images asked about and never for the whole project, because the desk
asks at every key press. Holdout and test images are not inspected: whoever judges them must not
have seen a prediction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.review.confidence import scaling_of
from sslapp.review.disagreement import NOTHING, opinions
from sslapp.review.evidence import disagreement
from sslapp.rounds.predictions import NO_CLASS, Predictions, likeliest, predictions_at
from sslapp.store import images, projects
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused, Unknown
from sslapp.store.labels import (
    CurrentLabel,
    are_withheld,
    current_labels,
    holders,
    in_holdout,
)
from sslapp.store.log.chain import now
from sslapp.store.people import leases
from sslapp.store.rounds import finished_round, in_use, newest_finished
from sslapp.usecases.access import Access, NotAllowed, find_project
from sslapp.usecases.reviewing.experts import Experts, experts
from sslapp.usecases.training.trust import calibration
from sslapp.vocabulary import Purpose, Space, Split

LEASED = timedelta(minutes=6)
"""How long a page of images stays with who opened it; the desk renews it while it is open."""

DISAGREES = 0.5
"""From this weighted share of neighbours of another class on, a tile says that they disagree."""

Positions = NDArray[np.int64]


class Blind(NotAllowed):
    """A holdout or test image, whose prediction nobody may see."""


@dataclass(frozen=True)
class Tile:
    """What the grid shows of an image.

    Attributes:
        image: its content hash, which the address of its picture carries.
        proposed: the class id that the round proposes; None when readers left none to propose.
        confidence: calibrated probability of it among the classes that are not ruled out.
        flipped: the round before predicted another class.
        disagrees: most of its nearest expert-labelled images are of another class.
        label: its current label, if any.
        withheld: taken off the round's list.
        blind: it belongs to the holdout or the test split; then nothing else is told.
    """

    position: int
    image: str
    proposed: int | None = None
    confidence: float = 0.0
    flipped: bool = False
    disagrees: bool = False
    label: CurrentLabel | None = None
    withheld: bool = False
    blind: bool = False


@dataclass(frozen=True)
class ClassLine:
    """A class's probability for an image: raw, calibrated, and whether it is ruled out."""

    class_id: int
    raw: float
    calibrated: float
    forbidden: bool


@dataclass(frozen=True)
class MemberLine:
    """What a member of the round's ensemble says of an image.

    Attributes:
        name: the member's.
        class_id: its likeliest class among those that are not ruled out; None for nothing said.
        share: its probability among those; 0 for nothing said.
    """

    name: str
    class_id: int | None
    share: float


@dataclass(frozen=True)
class Neighbour:
    """An expert-labelled image near the one inspected; `image` is its content hash."""

    position: int
    image: str
    class_id: int
    distance: float


@dataclass(frozen=True)
class Inspection:
    """Everything about one image. What a round says of it stays empty without one.

    Attributes:
        name: the image's name, as imported.
        tile: what the grid shows.
        evidence: the nearest expert-labelled images, nearest first.
        space: whose features the evidence is near in.
        embedded: False when the embedding does not have the image yet, so there is no evidence.
        lines: classes in use, most probable first.
        members: of the round's ensemble, in its order; () for another round.
        apart: how far they differ, in nats: the generalised Jensen-Shannon divergence.
        calibrated: whether the round's map was fitted to anything.
        calibration: by which map and fitted to what, in words.
        before: the class id that the previous round predicted, when this one predicts another.
    """

    name: str
    tile: Tile
    evidence: tuple[Neighbour, ...]
    embedded: bool
    space: Space
    lines: tuple[ClassLine, ...] = ()
    members: tuple[MemberLine, ...] = ()
    apart: float = 0.0
    temperature: float = 1.0
    calibrated: bool = False
    calibration: str = ""
    before: int | None = None


def inspect(
    access: Access,
    project: str | int | None,
    round_number: int | None,
    position: int,
    space: Space | None = None,
) -> Inspection:
    """Everything that the desk shows of one image.

    Args:
        round_number: None without a round.
        space: where the evidence is looked for; default: among the features of the round's own
            model where it has some.

    Raises:
        Blind: for an image of the holdout or the test split.
        Unknown: for a round or image there is not, or one that the round does not cover.
    """
    asked = np.array([position], dtype=np.int64)
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        shown = _read(conn, access, project_id, round_number, asked)
        if shown.blind[0]:
            raise Blind(
                f"Image {position} belongs to the holdout or the test split: who judges it must "
                "not see a prediction. Label it on the Label page."
            )
        known = experts(conn, access, project_id, round_number, space)
        embedded = known is not None and bool(known.covers(asked)[0])
        evidence: tuple[Neighbour, ...] = ()
        if known is not None and embedded:
            evidence = _neighbours(conn, project_id, known, asked)
    bare = Inspection(
        name=shown.names[0],
        tile=_tiles(shown, known)[0],
        evidence=evidence,
        embedded=embedded,
        space=Space.ENCODER if known is None else known.space,
    )
    if shown.predictions is None:
        return bare
    found = shown.predictions.round
    members, apart = _members(access, shown.predictions)
    return replace(
        bare,
        lines=_lines(shown, shown.predictions),
        members=members,
        apart=apart,
        temperature=found.temperature,
        calibrated=found.is_calibrated,
        calibration=calibration(found),
        before=_class(shown.before[0]),
    )


def tiles(
    access: Access,
    project: str | int | None,
    round_number: int | None,
    positions: Sequence[int] | Positions,
    space: Space | None = None,
) -> list[Tile]:
    """What the grid shows of a page of images, in the order given; without a round no proposal.

    Args:
        space: where it is looked whether neighbours disagree, as in `inspect`.

    Raises:
        Unknown: for a round or image there is not, or one that the round does not cover.
    """
    asked = np.asarray(positions, dtype=np.int64)
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        shown = _read(conn, access, project_id, round_number, asked)
        return _tiles(shown, experts(conn, access, project_id, round_number, space))


def claim_page(
    access: Access,
    project: str | int | None,
    round_number: int | None,
    positions: Sequence[int] | Positions,
) -> dict[int, str]:
    """Have a page of images to oneself for some minutes; the reader's earlier page is given up.

    Returns:
        position -> name of the other reader who has that image before them; empty in projects
        that allow several reads of an image.
    """
    asked = np.unique(np.asarray(positions, dtype=np.int64))
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        if round_number is not None:
            finished_round(conn, project_id, round_number)
        images.image_rows(conn, project_id, asked)
        single = projects.find_project(conn, project_id).settings.single_reads
    if not single:
        return {}
    mine = (access.reader_id, Purpose.REVIEW)
    with writing(access.engine, project_id) as conn:
        moment = now()
        leases.release(conn, project_id, *mine)
        granted = leases.take(conn, project_id, mine[0], asked, mine[1], moment, moment + LEASED)
        return holders(conn, project_id, Purpose.REVIEW, np.setdiff1d(asked, granted))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Shown:
    """q images as the desk shows them.

    Attributes:
        positions: (q,) int64.
        names: as imported.
        hashes: of their contents.
        predictions: the round's; None without one.
        before: (q,) int64 class ids that the previous round predicted where this one predicts
            another; NO_CLASS elsewhere.
        labels: position -> its current label.
        withheld, blind: (q,) bool: off the round's list; of the holdout or the test split.
        in_use: (C,) bool, False for classes of the round retired since.
    """

    positions: Positions
    names: list[str]
    hashes: list[str]
    predictions: Predictions | None
    before: NDArray[np.int64]
    labels: dict[int, CurrentLabel]
    withheld: NDArray[np.bool_]
    blind: NDArray[np.bool_]
    in_use: NDArray[np.bool_]


def _read(
    conn: Connection,
    access: Access,
    project_id: int,
    round_number: int | None,
    positions: Positions,
) -> _Shown:
    """Read what stands of (q,) images, and a finished round's rows of them, each once.

    Raises:
        Unknown: for a round or image there is not, or one that came after the round's snapshot.
    """
    try:
        rows = images.image_rows(conn, project_id, positions)
    except Refused as error:
        raise Unknown(str(error)) from None
    is_test = np.array([each.split == Split.TEST for each in rows], dtype=np.bool_)
    bare = _Shown(
        positions=positions,
        names=[each.name for each in rows],
        hashes=[each.sha256 for each in rows],
        predictions=None,
        before=np.full(len(rows), NO_CLASS, dtype=np.int64),
        labels=current_labels(conn, project_id, positions),
        withheld=np.zeros(len(rows), dtype=np.bool_),
        blind=is_test | in_holdout(conn, project_id, positions),
        in_use=np.zeros(0, dtype=np.bool_),
    )
    if round_number is None:
        return bare
    found = finished_round(conn, project_id, round_number)
    predictions = predictions_at(conn, access.workspace, found, positions)
    return replace(
        bare,
        predictions=predictions,
        before=_before(conn, access, predictions),
        withheld=are_withheld(conn, project_id, found.id, positions),
        in_use=in_use(conn, project_id, found.class_ids),
    )


def _before(conn: Connection, access: Access, predictions: Predictions) -> NDArray[np.int64]:
    """(q,) class ids of the round before where they differ from what this one predicts."""
    found = predictions.round
    previous = newest_finished(conn, found.project_id, before=found.number)
    if previous is None:
        return np.full(len(predictions), NO_CLASS, dtype=np.int64)
    before = likeliest(access.workspace, previous, predictions.positions)
    now_said = predictions.class_ids[scaling_of(found).columns(predictions.raw)]
    before[before == now_said] = NO_CLASS
    return before


def _tiles(shown: _Shown, known: Experts | None) -> list[Tile]:
    against = np.zeros(len(shown.positions), dtype=np.bool_)
    proposed = np.full(len(shown.positions), NO_CLASS, dtype=np.int64)
    confidence = np.zeros(len(shown.positions), dtype=np.float32)
    if shown.predictions is not None:
        against = _against(shown.predictions, known)
        proposed, confidence = shown.predictions.proposed, shown.predictions.best.confidence
    return [
        Tile(position, shown.hashes[row], blind=True)
        if shown.blind[row]
        else Tile(
            position,
            shown.hashes[row],
            proposed=_class(proposed[row]),
            confidence=float(confidence[row]),
            flipped=bool(shown.before[row] != NO_CLASS),
            disagrees=bool(against[row]),
            label=shown.labels.get(position),
            withheld=bool(shown.withheld[row]),
        )
        for row, position in enumerate(shown.positions.tolist())
    ]


def _against(predictions: Predictions, known: Experts | None) -> NDArray[np.bool_]:
    """(q,) bool: whose nearest expert-labelled images speak for another class."""
    against = np.zeros(len(predictions), dtype=np.bool_)
    if known is None or len(known) == 0:
        return against
    positions, proposed = predictions.positions, predictions.proposed
    there = np.flatnonzero(known.covers(positions) & (proposed != NO_CLASS))
    found = known.evidence(positions[there])
    against[there] = disagreement(found, proposed[there]) >= DISAGREES
    return against


def _lines(shown: _Shown, found: Predictions) -> tuple[ClassLine, ...]:
    """The first image's classes, most probable first; retired ones are left out."""
    smooth = found.calibrated[0]
    return tuple(
        ClassLine(
            int(found.class_ids[column]),
            float(found.raw[0, column]),
            float(smooth[column]),
            bool(found.forbidden[0, column]),
        )
        for column in np.lexsort((found.class_ids, -smooth))
        if shown.in_use[column]
    )


def _members(access: Access, predictions: Predictions) -> tuple[tuple[MemberLine, ...], float]:
    """What the members say of the first image, and how far they differ."""
    members = predictions.round.read_members(access.workspace)
    if members is None:
        return (), 0.0
    found = opinions(members.probabilities, predictions.positions, predictions.forbidden)
    said = zip(members.names, found.columns[0].tolist(), found.shares[0].tolist(), strict=True)
    lines = tuple(
        MemberLine(name, None if column == NOTHING else predictions.round.class_ids[column], share)
        for name, column, share in said
    )
    return lines, float(found.divergence[0])


def _neighbours(
    conn: Connection, project_id: int, known: Experts, asked: Positions
) -> tuple[Neighbour, ...]:
    found = known.evidence(asked)
    there = found.neighbours[0].tolist()
    hashes = images.pixel_hashes(conn, project_id, there)
    rows = zip(there, found.classes[0], found.distances[0], strict=True)
    return tuple(Neighbour(at, hashes[at], int(each), float(far)) for at, each, far in rows)


def _class(class_id: np.integer) -> int | None:
    return None if class_id == NO_CLASS else int(class_id)
