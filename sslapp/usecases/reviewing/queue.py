"""In which order the selected candidates are looked at, and which of a selection are shown."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sslapp.review.candidates import Candidates
from sslapp.review.evidence import disagreement
from sslapp.store.database import reading
from sslapp.store.images import positions_named
from sslapp.store.integrity.canonical import canonical
from sslapp.store.log.decisions import images_of_decision
from sslapp.usecases.access import Access, require
from sslapp.usecases.images.similar import like_text, similar
from sslapp.usecases.reviewing.board import Board, Mask, Rule, flipped, previous_columns
from sslapp.usecases.reviewing.experts import experts
from sslapp.usecases.reviewing.facets import AnyFacet, coded
from sslapp.usecases.reviewing.findings import Queued, queued
from sslapp.vocabulary import Finding, Space

COMPARED = 2_000
"""Candidates whose neighbours are looked up at once: the most doubtful ones; a few tenths of a
second, and more than anybody looks at before the next decision."""


class Queue(StrEnum):
    """Orders of a review."""

    DOUBTFUL = "doubtful"
    DISAGREEMENT = "disagreement"
    MEMBERS = "members"
    FLIPPED = "flipped"
    RANDOM = "random"


class Show(StrEnum):
    """Which part of what lies inside the polygons is selected."""

    CHALLENGERS = "candidates"
    ALL = "all"
    REST = "rest"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What selects images for review, as a bulk decision records it.

    Attributes:
        rings: polygons in the map's coordinates; empty means the whole project.
        threshold: least confidence of a candidate.
        per_class: class id -> a threshold of its own.
        coverage: in place of thresholds, the coverage of every class at which a candidate's
            conformal set holds one class alone; one of the board's.
        show: which part of the proposals.
        queue: their order.
        image: one image alone, whatever the rest says.
        like: the proposals most like this image instead, whatever polygon and threshold say.
        text: the proposals most like this sentence instead.
        name: the proposals whose file's name holds this instead.
        facet: what the map's legend filters by, if it does,
        only: and the names of what is left in.
        finding: what was found to be wrong or odd instead, labelled images among it.
        against: the number of the round to hold this one against, where rounds disagree; default:
            the one before it.
        nothing: no image at all, unless one is pointed at; what was decided stays in sight.
        event: what this decision was about instead, as it stands now, decided or not.
    """

    rings: tuple[tuple[tuple[float, float], ...], ...] = ()
    threshold: float = 0.95
    per_class: tuple[tuple[int, float], ...] = ()
    coverage: float | None = None
    show: Show = Show.CHALLENGERS
    queue: Queue = Queue.DOUBTFUL
    image: int | None = None
    like: int | None = None
    text: str = ""
    name: str = ""
    facet: AnyFacet | None = None
    only: tuple[str, ...] = ()
    finding: Finding | None = None
    against: int | None = None
    nothing: bool = False
    event: int | None = None

    @property
    def at_one_threshold(self) -> bool:
        """Whether one threshold for every class is the rule."""
        return not self.per_class and self.coverage is None

    @property
    def is_narrow(self) -> bool:
        """Whether anything but the rule selects."""
        by_image = any(each is not None for each in (self.image, self.like, self.event))
        searched = bool(self.text or self.name or self.finding)
        return by_image or searched or bool(self.rings or self.only)

    @property
    def found(self) -> Finding | None:
        """What was found, if that is what selects."""
        by_image = self.image is not None or self.like is not None
        apart = self.event is not None or self.nothing
        return None if by_image or apart or self.text or self.name else self.finding

    @property
    def is_all_candidates(self) -> bool:
        """Whether everything from one threshold on is selected, and nothing else."""
        everything = self.show is Show.CHALLENGERS and not (self.is_narrow or self.nothing)
        return everything and self.at_one_threshold

    def digest(self, board: Board) -> str:
        """16 hexadecimal digits that change with what is selected, and with nothing else."""
        return hashlib.sha256(canonical(self.payload(board)).encode()).hexdigest()[:16]

    def payload(self, board: Board) -> dict[str, object]:
        """What is kept with the event: enough to select the same again."""
        if (pointed_at := self._pointed_at()) is not None:
            apart = {} if self.like is None else _named_space(board)
            return {"round": board.round_number, **pointed_at, **apart}
        by_rule = {**self._named_rule(), "show": self.show.value}
        return {
            "round": board.round_number,
            "polygon": [[list(corner) for corner in ring] for ring in self.rings],
            **_named_space(board),
            **({} if board.round_number is None else by_rule),
            **self._named_filter(),
            "order": self.queue.value,
        }

    def rule(self, board: Board) -> Rule:
        """What makes one of the board's proposals a candidate."""
        if self.coverage is None:
            return board.limits(self.threshold, dict(self.per_class))
        return next(each for each in board.coverages if each.share == self.coverage)

    def _pointed_at(self) -> dict[str, object] | None:
        """What selects in place of rule and polygon; None when they do."""
        if self.finding is not None and self.found is not None:
            other = {} if self.against is None else {"against": self.against}
            return {"finding": self.finding.value, **other}
        named: dict[str, object | None] = {
            "event": self.event,
            "image": self.image,
            "like": self.like,
            "text": self.text or None,
            "name": self.name or None,
        }
        return next(({key: value} for key, value in named.items() if value is not None), None)

    def _named_filter(self) -> dict[str, object]:
        if self.facet is None or not self.only:
            return {}
        return {"filter": {"by": self.facet.value, "only": list(self.only)}}

    def _named_rule(self) -> dict[str, object]:
        if self.coverage is not None:
            return {"coverage": self.coverage}
        own = {str(class_id): round(value, 4) for class_id, value in self.per_class}
        return {"threshold": round(self.threshold, 4), "per_class": own}


def _named_space(board: Board) -> dict[str, str]:
    """Whose map a polygon is drawn on, where it is not the encoder's."""
    return {} if board.space is Space.ENCODER else {"space": board.space.value}


def selected(board: Board, choice: Choice, within: Mask | None = None) -> Candidates:
    """The proposals that polygon, rule or one image select, most doubtful first.

    Without a round no rule applies: all images of the pool are as good as one another.

    Args:
        within: (N,) bool, the images that the legend's filter leaves in; None for all.
    """
    if choice.image is not None:
        mask = np.zeros(len(board), dtype=bool)
        mask[choice.image : choice.image + 1] = True
        return board.proposals.among(mask[board.proposals.positions])
    if choice.nothing:
        return board.proposals.among(np.zeros(len(board.proposals), dtype=bool))
    match Show.ALL if board.round_number is None else choice.show:
        case Show.CHALLENGERS:
            found = board.candidates(choice.rule(board))
        case Show.REST:
            found = board.rest(choice.rule(board))
        case Show.ALL:
            found = board.proposals
    if choice.rings:
        found = found.among(board.inside(choice.rings)[found.positions])
    return found if within is None else found.among(within[found.positions])


def positions(
    access: Access, project_id: int, board: Board, choice: Choice, within: Mask | None = None
) -> NDArray[np.int64]:
    """Return (n,) positions of what is selected, in the order in which it is looked at.

    Args:
        within: (N,) bool, the images that the choice's filter leaves in; it is worked out of the
            facet when it is not given.

    Raises:
        ValueError: when there is no embedding to find similar images in.
    """
    if choice.event is not None:
        return decided(access, project_id, choice.event, board.covers)
    if choice.image is None and choice.like is not None:
        there = board.proposals.positions
        return similar(
            access,
            project_id,
            choice.like,
            among=there,
            round_number=board.round_number,
            space=board.space,
        )
    if choice.image is None and choice.text:
        return like_text(
            access,
            project_id,
            choice.text,
            among=board.proposals.positions,
            round_number=board.round_number,
        )
    if choice.image is None and choice.name:
        return named(access, project_id, board, choice.name)
    found = findings_of(access, project_id, board, choice)
    if found is not None:
        return found.positions
    if within is None and choice.facet is not None and choice.only:
        within = coded(access, project_id, board, choice.facet).within(choice.only)
    return ordered(access, project_id, board, selected(board, choice, within), choice.queue)


def named(access: Access, project_id: int, board: Board, text: str) -> NDArray[np.int64]:
    """(n,) positions of the proposals whose file's name holds a text, whatever its case."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        found = positions_named(conn, project_id, text)
    return np.intersect1d(found, board.proposals.positions)


def findings_of(access: Access, project_id: int, board: Board, choice: Choice) -> Queued | None:
    """What was found, with a reason each, if that is what a choice selects."""
    if choice.found is None:
        return None
    return queued(access, project_id, board, choice.found, choice.against)


def decided(access: Access, project_id: int, number: int, count: int) -> NDArray[np.int64]:
    """(n,) ascending positions that a decision was about, of the first `count` images.

    Raises:
        Unknown: when the project has no such decision.
    """
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        found = images_of_decision(conn, project_id, number)
    return found[found < count]


def ordered(
    access: Access, project_id: int, board: Board, found: Candidates, queue: Queue
) -> NDArray[np.int64]:
    """Return (n,) positions of `found`, which come most doubtful first, in the queue's order."""
    if queue is Queue.RANDOM:
        # seeded by the round, so that turning a page does not shuffle
        shuffled = np.sort(found.positions)
        np.random.default_rng([board.round_id or 0, len(found)]).shuffle(shuffled)
        return shuffled
    bare = board.round_number is None  # then all are alike
    wanted = None if bare else _wanted(access, project_id, board, found, queue)
    if wanted is None:
        return found.positions
    return found.positions[np.argsort(-wanted, kind="stable")]  # among equals the doubtful one


def _wanted(
    access: Access, project_id: int, board: Board, found: Candidates, queue: Queue
) -> NDArray[np.float32] | None:
    """(n,) float32, higher for what the queue puts first; None where nothing tells them apart."""
    match queue:
        case Queue.FLIPPED:
            before = previous_columns(access, project_id, board)
            if before is None:
                return None
            return flipped(board, before)[found.positions].astype(np.float32)
        case Queue.DISAGREEMENT:
            head = found.positions[:COMPARED]
            against = neighbours_against(access, project_id, board, head, found.columns[:COMPARED])
            if against is None:
                return None
            rest = np.full(len(found) - len(head), -1, dtype=np.float32)
            return np.concatenate([against, rest])
        case Queue.MEMBERS:
            return None if board.divergence is None else board.divergence[found.positions]
        case _:
            return None


def neighbours_against(
    access: Access,
    project_id: int,
    board: Board,
    positions: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> NDArray[np.float32] | None:
    """How much the nearest expert labels speak against each proposal: (q,) float32 in [0, 1].

    None when there is no embedding or no expert label outside what is measured blind. Images
    newer than the embedding have no neighbours: 1.

    Args:
        positions: (q,) images of the pool.
        columns: (q,) their proposed columns.
    """
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        known = experts(conn, access, project_id, board.round_number, board.space)
    if known is None or len(known) == 0:
        return None
    there = known.covers(positions)
    ids = np.array([each.id for each in board.classes], dtype=np.int64)
    against = np.ones(len(positions), dtype=np.float32)
    against[there] = disagreement(known.evidence(positions[there]), ids[columns[there]])
    return against
