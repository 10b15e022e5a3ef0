"""One image under review: what the round says about it, and what speaks for and against it.

Everything is read for the images asked about and never for the whole project, because the desk
asks at every key press. Holdout and test images are not inspected: whoever judges them must not
have seen a prediction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from sslapp.review.evidence import disagreement
from sslapp.store import images, leases, projects
from sslapp.store.database import reading, writing
from sslapp.store.log.chain import now
from sslapp.store.schema import lease, reader
from sslapp.usecases.access import Access, NotAllowed, find_project
from sslapp.usecases.reviewing.experts import Experts, experts
from sslapp.usecases.reviewing.round_rows import NO_CLASS, Label, RoundRows, read_rows, round_row
from sslapp.vocabulary import Purpose

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
    label: Label | None = None
    withheld: bool = False
    blind: bool = False


@dataclass(frozen=True)
class ClassLine:
    """A class's probability for an image: raw, after temperature, and whether it is ruled out."""

    class_id: int
    raw: float
    calibrated: float
    forbidden: bool


@dataclass(frozen=True)
class Neighbour:
    """An expert-labelled image near the one inspected; `image` is its content hash."""

    position: int
    image: str
    class_id: int
    distance: float


@dataclass(frozen=True)
class Inspection:
    """Everything about one image of a round.

    Attributes:
        name: the image's name, as imported.
        lines: classes in use, most probable first.
        calibrated: whether the round's temperature was fitted on a holdout large enough for it.
        holdout: how many images that holdout had.
        before: the class id that the previous round predicted, when this one predicts another.
        evidence: the nearest expert-labelled images, nearest first.
        embedded: False when the embedding does not have the image yet, so there is no evidence.
        tile: what the grid shows.
    """

    name: str
    tile: Tile
    lines: tuple[ClassLine, ...]
    temperature: float
    calibrated: bool
    holdout: int
    before: int | None
    evidence: tuple[Neighbour, ...]
    embedded: bool


def inspect(
    access: Access, project: str | int | None, round_number: int, position: int
) -> Inspection:
    """Everything that the desk shows of one image.

    Raises:
        Blind: for an image of the holdout or the test split.
        Unknown: for a round or image there is not, or one that the round does not cover.
    """
    asked = np.array([position], dtype=np.int64)
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        rows = read_rows(conn, access, project_id, round_number, asked)
        if rows.blind[0]:
            raise Blind(
                f"Image {position} belongs to the holdout or the test split: who judges it must "
                "not see a prediction. Label it on the Label page."
            )
        known = experts(conn, access, project_id, round_number)
        embedded = known is not None and bool(known.covers(asked)[0])
        evidence: tuple[Neighbour, ...] = ()
        if known is not None and embedded:
            evidence = _neighbours(conn, project_id, known, asked)
    return Inspection(
        name=rows.names[0],
        tile=_tiles(rows, known)[0],
        lines=_lines(rows),
        temperature=rows.temperature,
        calibrated=rows.is_calibrated,
        holdout=rows.judged,
        before=_class(rows.before[0]),
        evidence=evidence,
        embedded=embedded,
    )


def tiles(
    access: Access,
    project: str | int | None,
    round_number: int,
    positions: Sequence[int] | Positions,
) -> list[Tile]:
    """What the grid shows of a page of images, in the order given.

    Raises:
        Unknown: for a round or image there is not, or one that the round does not cover.
    """
    asked = np.asarray(positions, dtype=np.int64)
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        rows = read_rows(conn, access, project_id, round_number, asked)
        return _tiles(rows, experts(conn, access, project_id, round_number))


def claim_page(
    access: Access,
    project: str | int | None,
    round_number: int,
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
        round_row(conn, project_id, round_number)
        images.image_rows(conn, project_id, asked)
        single = projects.find_project(conn, project_id).settings.single_reads
    if not single:
        return {}
    mine = (access.reader_id, Purpose.REVIEW)
    with writing(access.engine, project_id) as conn:
        moment = now()
        leases.release(conn, project_id, *mine)
        granted = leases.take(conn, project_id, mine[0], asked, mine[1], moment, moment + LEASED)
        return _holders(conn, project_id, np.setdiff1d(asked, granted))


def _holders(conn: Connection, project_id: int, positions: Positions) -> dict[int, str]:
    query = (
        select(lease.c.position, reader.c.name)
        .join(reader, reader.c.id == lease.c.reader_id)
        .where(
            lease.c.project_id == project_id,
            lease.c.purpose == Purpose.REVIEW.value,
            lease.c.position.in_(positions.tolist()),
        )
    )
    return {row.position: row.name for row in conn.execute(query)}


def _tiles(rows: RoundRows, known: Experts | None) -> list[Tile]:
    against = _against(rows, known)
    return [
        Tile(position, rows.hashes[row], blind=True)
        if rows.blind[row]
        else Tile(
            position,
            rows.hashes[row],
            proposed=_class(rows.proposed[row]),
            confidence=float(rows.confidence[row]),
            flipped=bool(rows.before[row] != NO_CLASS),
            disagrees=bool(against[row]),
            label=rows.labels.get(position),
            withheld=bool(rows.withheld[row]),
        )
        for row, position in enumerate(rows.positions.tolist())
    ]


def _against(rows: RoundRows, known: Experts | None) -> NDArray[np.bool_]:
    """(q,) bool: whose nearest expert-labelled images speak for another class."""
    against = np.zeros(len(rows.positions), dtype=np.bool_)
    if known is None or len(known) == 0:
        return against
    there = np.flatnonzero(known.covers(rows.positions) & (rows.proposed != NO_CLASS))
    found = known.evidence(rows.positions[there])
    against[there] = disagreement(found, rows.proposed[there]) >= DISAGREES
    return against


def _lines(rows: RoundRows) -> tuple[ClassLine, ...]:
    """The first image's classes, most probable first; retired ones are left out."""
    order = np.lexsort((rows.class_ids, -rows.calibrated[0]))
    return tuple(
        ClassLine(
            int(rows.class_ids[column]),
            float(rows.raw[0, column]),
            float(rows.calibrated[0, column]),
            bool(rows.forbidden[0, column]),
        )
        for column in order
        if rows.in_use[column]
    )


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
