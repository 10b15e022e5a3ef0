"""What a reader reviews: one round's proposals over the embedding map, at one event number.

A board is read once and shared by every session that looks at the same moment; its arrays are
read-only. What was drawn to measure (holdout and test) carries no prediction here, because
whoever judges such an image must not have seen one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sslapp.review.candidates import Candidates, ThresholdCurve, Thresholds, counts_by_class
from sslapp.review.disagreement import opinions
from sslapp.review.selection import inside
from sslapp.rounds.coverage import Coverage, read_coverages
from sslapp.rounds.predictions import Predictions, likeliest, predictions_of
from sslapp.store import label_classes
from sslapp.store.database import reading
from sslapp.store.embeddings import neighbourhood, newest_neighbourhood
from sslapp.store.label_classes import ClassRow
from sslapp.store.log import events
from sslapp.store.rounds import FinishedRound, Members, newest_finished, round_or_newest
from sslapp.store.state import ProjectState, load_state, withheld
from sslapp.usecases.access import Access, require
from sslapp.usecases.training.round_maps import coordinates
from sslapp.usecases.training.trust import doubts, why_no_coverage
from sslapp.vocabulary import Source, Space
from sslapp.workspace import Workspace

NO_COLUMN = -1
"""In place of a proposed class, where there is no round that could propose one."""

Mask = NDArray[np.bool_]
Rule = Thresholds | Coverage
"""What makes a proposal a candidate."""

Polygon = Sequence[tuple[float, float]]
Outline = tuple[tuple[tuple[float, ...], ...], ...]


@dataclass(frozen=True)
class BoardKey:
    """What a board is made of; boards with the same key are the same.

    Attributes:
        round_id: None for the board without a round.
        event_number: the newest event.
        space: whose features say what lies near what.
        projection: path of the map; None before there is one.
    """

    round_id: int | None
    event_number: int
    space: Space
    projection: str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Board:
    """A round's proposals and the labels of N images at one event number.

    Attributes:
        event_number, round_id, round_number: which moment and which round; without a round both
            are None.
        classes: what a column of every array means: the round's own classes first, in its order
            (retired ones included), then those that were added since.
        known: how many of `classes` the round knew, C.
        space: whose features the map shows.
        encoder: whose embedding those are; None without one, and on the map of the round's model.
        xy: (M, 2) float32 map coordinates of the first M <= N images. On the map of the round's
            model NaN for those that are drawn to measure, for it tells what the round thinks.
        predicted: (N,) int16 most probable class that readers have not ruled out; -1 for images
            that came after the round, are measured blind, or have no class left to propose.
        confidence: (N,) float32 calibrated probability of it; 0 where there is none.
        members: what the members of the round's ensemble said; None for another round.
        forbidden: (N', C) bool: the round's classes that readers have ruled out, or that are
            retired, for the first N' <= N images, which the round covers.
        doubts: why it proposes nothing, or what to know before its proposals are accepted.
        labels: (N,) int16 current label, -1 for none.
        source: (N,) uint8 codes of vocabulary.Source.
        blind: (N,) bool, drawn to measure: holdout and test.
        withheld: (w,) int64 positions off this round's list.
        proposals: every image of the pool with a prediction that is not withheld, most doubtful
            first: the candidates at threshold 0. Without a round the pool, by position, with the
            column NO_COLUMN.
        coverages: at which conformal sets can propose.
        why_no_coverage: why not at the next one, with the mend; "" where all are there.
        predictions: of all images that the round covers, where there are coverages.
    """

    event_number: int
    round_id: int | None
    round_number: int | None
    classes: tuple[ClassRow, ...]
    known: int
    encoder: str | None
    xy: NDArray[np.float32]
    predicted: NDArray[np.int16]
    confidence: NDArray[np.float32]
    members: Members | None = field(repr=False)
    forbidden: Mask
    doubts: str
    labels: NDArray[np.int16]
    source: NDArray[np.uint8]
    blind: Mask
    withheld: NDArray[np.int64]
    proposals: Candidates
    coverages: tuple[Coverage, ...] = ()
    why_no_coverage: str = ""
    space: Space = Space.ENCODER
    predictions: Predictions | None = field(default=None, repr=False)
    _alone: dict[float, Mask] = field(default_factory=dict, init=False, repr=False)
    _latest: dict[Outline, Mask] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def drawn(self) -> Mask:
        """(M,) bool: which images the map shows."""
        return _sealed(np.isfinite(self.xy[:, 0]))

    @property
    def covers(self) -> int:
        """How many images it can say something about, from position 0 on: N without a round."""
        return len(self) if self.round_number is None else len(self.forbidden)

    @property
    def expert(self) -> Mask:
        """(N,) bool: labelled by a reader who looked at the image, not by accepting in bulk."""
        return (self.source == Source.EXPERT) | (self.source == Source.ADJUDICATED)

    @cached_property
    def divergence(self) -> NDArray[np.float32] | None:
        """(N,) float32 nats: how far the members differ about an image; 0 for no proposal.

        None for a round without members.
        """
        if self.members is None:
            return None
        rows = self.proposals.positions
        found = np.zeros(len(self), dtype=np.float32)
        found[rows] = opinions(self.members.probabilities, rows, self.forbidden[rows]).divergence
        return _sealed(found)

    def limits(self, threshold: float, per_class: Mapping[int, float]) -> NDArray[np.float32]:
        """(C,) float32 thresholds of the round's columns.

        Args:
            threshold: for every class that has none of its own.
            per_class: class id -> its own.
        """
        own = [per_class.get(each.id, threshold) for each in self.classes[: self.known]]
        return np.array(own, dtype=np.float32)

    def candidates(self, rule: Rule) -> Candidates:
        """The proposals that a rule makes candidates, most doubtful first.

        Args:
            rule: one threshold, or (C,) one for each of the round's columns; or one of `coverages`.
        """
        return self.proposals.among(self._chosen(rule))

    def rest(self, rule: Rule) -> Candidates:
        """The proposals that it does not, most doubtful first."""
        return self.proposals.among(~self._chosen(rule))

    def _chosen(self, rule: Rule) -> Mask:
        if not isinstance(rule, Coverage):
            return self.proposals.reach(rule, self.known)
        found = self._alone.get(rule.share)
        if found is None:
            assert self.predictions is not None
            found = self._alone[rule.share] = _sealed(self.predictions.alone(self.proposals, rule))
        return found

    def counts_by_class(self, found: Candidates) -> NDArray[np.int64]:
        """(C,) int64: how many of the candidates each of the round's columns has."""
        return counts_by_class(found, self.known)

    def curve(self, grid: NDArray[np.float32]) -> ThresholdCurve:
        """What each threshold of an ascending grid would propose, if it held for all classes."""
        low = np.searchsorted(self.proposals.confidence, grid, side="left")
        by_class = np.zeros((len(grid), self.known), dtype=np.int64)
        total = np.zeros(self.known, dtype=np.int64)
        ends = [*low[1:].tolist(), len(self.proposals)]
        for row in range(len(grid) - 1, -1, -1):
            step = self.proposals.columns[low[row] : ends[row]]
            total += np.bincount(step, minlength=self.known)
            by_class[row] = total
        counts = by_class.sum(axis=1)
        return ThresholdCurve(grid, counts, counts / max(1, len(self.proposals)), by_class)

    def inside(self, rings: Sequence[Polygon]) -> Mask:
        """(N,) bool: which images lie in any of the polygons; those off the map in none."""
        # the count beside the map and the desk below it ask for the same outline, one by one
        key = tuple(tuple(map(tuple, ring)) for ring in rings)
        found = self._latest.get(key)
        if found is None:
            found = _sealed(self._inside(rings))
            self._latest.clear()
            self._latest[key] = found
        return found

    def _inside(self, rings: Sequence[Polygon]) -> Mask:
        mask = np.zeros(len(self), dtype=bool)
        for ring in rings:
            mask[: len(self.xy)] |= inside(np.array(ring, dtype=np.float64), self.xy)
        return mask


def board_key(
    access: Access, project_id: int, round_number: int | None = None, space: Space | None = None
) -> BoardKey | None:
    """Which board shows a finished round as it stands; None when no round has finished.

    Args:
        round_number: default: the newest finished one.
        space: default: that of the round's own model where it has one.

    Raises:
        ValueError: when that round has not finished or does not exist.
    """
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        found = round_or_newest(conn, project_id, round_number)
        if found is None:
            return None
        near = neighbourhood(conn, found, space)
        number = events.head(conn, project_id)[0]
    if near is None:
        return BoardKey(found.id, number, Space.ENCODER, None)
    return BoardKey(found.id, number, near.space, near.projection)


def read_board(
    access: Access, project_id: int, round_number: int | None = None, space: Space | None = None
) -> Board:
    """Read the board of a finished round as the project stands now; default: the newest round.

    Args:
        space: default: that of the round's own model where it has one.

    Raises:
        ValueError: when there is no such finished round.
    """
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        found = round_or_newest(conn, project_id, round_number)
        if found is None:
            raise ValueError("No round has finished yet. Start one on the Train page.")
        near = neighbourhood(conn, found, space)
        state = load_state(conn, project_id)
        off = withheld(conn, project_id, found.id)
        rows = {each.id: each for each in label_classes.classes(conn, project_id, retired=True)}
    known = [rows[each] for each in found.class_ids]
    added = [rows[each] for each in state.class_ids.tolist() if each not in found.class_ids]
    predictions = predictions_of(access.workspace, found, state)
    covered = len(predictions)
    predicted = np.full(len(state.labels), -1, dtype=np.int16)
    confidence = np.zeros(len(state.labels), dtype=np.float32)
    blind = state.holdout | state.is_test
    predicted[:covered] = np.where(blind[:covered], -1, predictions.best.columns)
    confidence[:covered] = np.where(predicted[:covered] < 0, 0, predictions.best.confidence)
    coverages, why = _coverages(access.workspace, found, state, [each.name for each in known])
    return Board(
        event_number=state.event_number,
        round_id=found.id,
        round_number=found.number,
        classes=(*known, *added),
        known=len(known),
        space=Space.ENCODER if near is None else near.space,
        encoder=None if near is None else near.encoder,
        xy=coordinates(access.workspace, near, blind),
        predicted=_sealed(predicted),
        confidence=_sealed(confidence),
        members=found.read_members(access.workspace),
        forbidden=_sealed(predictions.forbidden),
        doubts=doubts(found, list(rows.values()), len(state.validation)),
        labels=_sealed(_labels(state, [each.id for each in (*known, *added)])),
        source=_sealed(state.source),
        blind=_sealed(blind),
        withheld=_sealed(off),
        proposals=_sealed_candidates(predictions.candidates(state, off)),
        coverages=coverages,
        why_no_coverage=why,
        predictions=predictions if coverages else None,
    )


def bare_key(access: Access, project_id: int) -> BoardKey:
    """Which board shows the project's images as they stand, without any round."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        near = newest_neighbourhood(conn, project_id)
        number = events.head(conn, project_id)[0]
        return BoardKey(None, number, Space.ENCODER, None if near is None else near.projection)


def read_bare_board(access: Access, project_id: int) -> Board:
    """Read the board without a round as the project stands now: labels, and nothing predicted."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        near = newest_neighbourhood(conn, project_id)
        state = load_state(conn, project_id)
        rows = tuple(label_classes.classes(conn, project_id))
    size, pool = len(state.labels), state.pool
    blind = state.holdout | state.is_test
    unsure = np.zeros(len(pool), dtype=np.float32)
    unproposed = np.full(len(pool), NO_COLUMN, dtype=np.int64)
    return Board(
        event_number=state.event_number,
        round_id=None,
        round_number=None,
        classes=rows,
        known=0,
        space=Space.ENCODER,
        encoder=None if near is None else near.encoder,
        xy=coordinates(access.workspace, near, blind),
        predicted=_sealed(np.full(size, NO_COLUMN, dtype=np.int16)),
        confidence=_sealed(np.zeros(size, dtype=np.float32)),
        members=None,
        forbidden=_sealed(np.zeros((0, 0), dtype=np.bool_)),
        doubts="",
        labels=_sealed(_labels(state, [each.id for each in rows])),
        source=_sealed(state.source),
        blind=_sealed(blind),
        withheld=_sealed(np.zeros(0, dtype=np.int64)),
        proposals=_sealed_candidates(Candidates(pool, unproposed, unsure)),
    )


def _coverages(
    workspace: Workspace, found: FinishedRound, state: ProjectState, names: Sequence[str]
) -> tuple[tuple[Coverage, ...], str]:
    """The coverages that labels suffice for, and why not for the next one."""
    in_use = np.isin(found.class_ids, state.class_ids)
    each_of = read_coverages(workspace, found, in_use)
    usable = tuple(each for each in each_of if each.suffices)
    if not each_of:
        return (), why_no_coverage(None, names)
    lacking = (each for each in each_of if not each.suffices)
    return usable, next((why_no_coverage(each, names) for each in lacking), "")


def previous_columns(access: Access, project_id: int, board: Board) -> NDArray[np.int16] | None:
    """What the finished round before this one predicted: (N,) int16, -1 where nothing.

    None when there was no such round. Images that are measured blind have no prediction here
    either, and a class that this board does not know is none.
    """
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        found = newest_finished(conn, project_id, before=board.round_number)
    if found is None:
        return None
    place = {each.id: column for column, each in enumerate(board.classes)}
    classes = likeliest(access.workspace, found, slice(0, len(board)))
    column_of = np.full(max(found.class_ids) + 2, -1, dtype=np.int16)  # its last for no class
    column_of[found.class_ids] = [place.get(each, -1) for each in found.class_ids]
    before = np.full(len(board), -1, dtype=np.int16)
    before[: len(classes)] = column_of[classes]
    before[board.blind] = -1
    return before


def flipped(board: Board, before: NDArray[np.int16]) -> Mask:
    """(N,) bool: predicted by both rounds, and not as the same class."""
    return (board.predicted >= 0) & (before >= 0) & (board.predicted != before)


def _labels(state: ProjectState, class_ids: Sequence[int]) -> NDArray[np.int16]:
    """(N,) int16: the labels in the board's columns."""
    place = np.array([class_ids.index(each) for each in state.class_ids.tolist()] + [-1])
    return place[state.labels].astype(np.int16)  # -1 reads the last entry


def _sealed_candidates(found: Candidates) -> Candidates:
    for array in (found.positions, found.columns, found.confidence):
        array.setflags(write=False)
    return found


def _sealed(array: NDArray) -> NDArray:  # type: ignore[type-arg]
    array.setflags(write=False)
    return array
