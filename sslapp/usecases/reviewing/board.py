"""What a reader reviews: one round's proposals over the embedding map, at one event number.

A board is read once and shared by every session that looks at the same moment; its arrays are
read-only. What was drawn to measure (holdout and test) carries no prediction here, because
whoever judges such an image must not have seen one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, RowMapping, select

from sslapp import durable
from sslapp.review.candidates import Candidates, ThresholdCurve, Thresholds
from sslapp.review.proposals import best_classes, by_doubt
from sslapp.review.selection import inside
from sslapp.store import projects
from sslapp.store.database import reading
from sslapp.store.embeddings import embedding_of_round
from sslapp.store.log import events
from sslapp.store.projects import ClassRow
from sslapp.store.rounds import finished
from sslapp.store.schema import round_, snapshot
from sslapp.store.state import ProjectState, load_state, withheld
from sslapp.usecases.access import Access, require
from sslapp.usecases.reviewing.predictions import ruled_out
from sslapp.vocabulary import Source

Mask = NDArray[np.bool_]
Polygon = Sequence[tuple[float, float]]
Outline = tuple[tuple[tuple[float, ...], ...], ...]


@dataclass(frozen=True)
class BoardKey:
    """What a board is made of; boards with the same key are the same.

    Attributes:
        event_number: the newest event.
        embedding_id: that of the map; None before there is one.
    """

    round_id: int
    event_number: int
    embedding_id: int | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Board:
    """A round's proposals and the labels of N images at one event number.

    Attributes:
        event_number, round_id, round_number: which moment and which round.
        classes: what a column of every array means: the round's own classes first, in its order
            (retired ones included), then those that were added since.
        known: how many of `classes` the round knew, C.
        encoder: whose embedding the map shows; None without one.
        xy: (M, 2) float32 map coordinates of the first M <= N images; a memory map.
        predicted: (N,) int16 most probable class that readers have not ruled out; -1 for images
            that came after the round, are measured blind, or have no class left to propose.
        confidence: (N,) float32 calibrated probability of it; 0 where there is none.
        calibrated: whether the temperature was fitted on enough holdout labels.
        holdout: how many those were.
        labels: (N,) int16 current label, -1 for none.
        source: (N,) uint8 codes of vocabulary.Source.
        blind: (N,) bool, drawn to measure: holdout and test.
        withheld: (w,) int64 positions off this round's list.
        proposals: every image of the pool with a prediction that is not withheld, most doubtful
            first: the candidates at threshold 0.
    """

    event_number: int
    round_id: int
    round_number: int
    classes: tuple[ClassRow, ...]
    known: int
    encoder: str | None
    xy: NDArray[np.float32]
    predicted: NDArray[np.int16]
    confidence: NDArray[np.float32]
    calibrated: bool
    holdout: int
    labels: NDArray[np.int16]
    source: NDArray[np.uint8]
    blind: Mask
    withheld: NDArray[np.int64]
    proposals: Candidates
    _latest: dict[Outline, Mask] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def expert(self) -> Mask:
        """(N,) bool: labelled by a reader who looked at the image, not by accepting in bulk."""
        return (self.source == Source.EXPERT) | (self.source == Source.ADJUDICATED)

    def limits(self, threshold: float, per_class: Mapping[int, float]) -> NDArray[np.float32]:
        """(C,) float32 thresholds of the round's columns.

        Args:
            threshold: for every class that has none of its own.
            per_class: class id -> its own.
        """
        own = [per_class.get(each.id, threshold) for each in self.classes[: self.known]]
        return np.array(own, dtype=np.float32)

    def candidates(self, thresholds: Thresholds) -> Candidates:
        """The proposals that reach their threshold, most doubtful first.

        Args:
            thresholds: one number, or (C,) one for each of the round's columns.
        """
        return _part(self.proposals, self._reach(thresholds))

    def rest(self, thresholds: Thresholds) -> Candidates:
        """The proposals that do not reach their threshold, most doubtful first."""
        return _part(self.proposals, ~self._reach(thresholds))

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

    def _reach(self, thresholds: Thresholds) -> Mask:
        """(n,) bool of the proposals."""
        limits = np.asarray(thresholds, dtype=np.float32)
        if limits.shape not in ((), (self.known,)):
            raise ValueError(
                f"thresholds: expected one number or {self.known}, one for each class of the "
                f"round, got shape {limits.shape}."
            )
        found = self.proposals
        if limits.ndim == 0 or not len(limits) or (limits == limits[0]).all():
            return found.confidence >= limits.max(initial=0)
        return found.confidence >= limits[found.columns]


def among(found: Candidates, mask: Mask) -> Candidates:
    """Those of the candidates that the mask holds, in their order. mask: (N,) bool."""
    return _part(found, mask[found.positions])


def board_key(access: Access, project_id: int, round_number: int | None = None) -> BoardKey | None:
    """Which board shows a finished round as it stands; None when no round has finished.

    Args:
        round_number: default: the newest finished one.

    Raises:
        ValueError: when that round has not finished or does not exist.
    """
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        row = _round_row(conn, project_id, round_number)
        if row is None:
            return None
        drawn = embedding_of_round(conn, row)
        number = events.head(conn, project_id)[0]
        return BoardKey(row["id"], number, None if drawn is None else drawn["id"])


def read_board(access: Access, project_id: int, round_number: int | None = None) -> Board:
    """Read the board of a finished round as the project stands now; default: the newest round.

    Raises:
        ValueError: when there is no such finished round.
    """
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        row = _round_row(conn, project_id, round_number)
        if row is None:
            raise ValueError("No round has finished yet. Start one on the Train page.")
        drawn = embedding_of_round(conn, row)
        state = load_state(conn, project_id)
        off = withheld(conn, project_id, row["id"])
        rows = {each.id: each for each in projects.classes(conn, project_id, retired=True)}
    metrics = row["metrics"] or {}
    known = [rows[each] for each in row["class_ids"]]
    added = [rows[each] for each in state.class_ids.tolist() if each not in row["class_ids"]]
    raw = _mapped(access, row["probabilities"])
    found = best_classes(raw, row["temperature"], ruled_out(state, row["class_ids"], len(raw)))
    predicted = np.full(len(state.labels), -1, dtype=np.int16)
    confidence = np.zeros(len(state.labels), dtype=np.float32)
    blind = state.holdout | state.is_test
    predicted[: len(raw)] = np.where(blind[: len(raw)], -1, found.columns)
    confidence[: len(raw)] = np.where(predicted[: len(raw)] < 0, 0, found.confidence)
    eligible = np.zeros(len(raw), dtype=bool)
    pool = state.pool
    eligible[pool[pool < len(raw)]] = True
    eligible[off[off < len(raw)]] = False
    xy = np.zeros((0, 2), dtype=np.float32)
    if drawn is not None:
        xy = _mapped(access, drawn["projection"])[: len(state.labels)]
    return Board(
        event_number=state.event_number,
        round_id=row["id"],
        round_number=row["number"],
        classes=(*known, *added),
        known=len(known),
        encoder=None if drawn is None else drawn["encoder"],
        xy=xy,
        predicted=_sealed(predicted),
        confidence=_sealed(confidence),
        calibrated=bool(metrics.get("calibrated", False)),
        holdout=int(metrics.get("holdout", 0)),
        labels=_sealed(_labels(state, [each.id for each in (*known, *added)])),
        source=_sealed(state.source),
        blind=_sealed(blind),
        withheld=_sealed(off),
        proposals=_sealed_candidates(by_doubt(found, eligible)),
    )


def previous_columns(access: Access, project_id: int, board: Board) -> NDArray[np.int16] | None:
    """What the finished round before this one predicted: (N,) int16, -1 where nothing.

    None when there was no such round. Images that are measured blind have no prediction here
    either, and a class that this board does not know is none.
    """
    query = (
        _rounds(project_id)
        .where(round_.c.number < board.round_number)
        .order_by(round_.c.number.desc())
    )
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        row = conn.execute(query.limit(1)).mappings().first()
    if row is None:
        return None
    raw = _mapped(access, row["probabilities"])
    place = {each.id: column for column, each in enumerate(board.classes)}
    columns = np.array([place.get(each, -1) for each in row["class_ids"]], dtype=np.int16)
    covered = min(len(raw), len(board))
    before = np.full(len(board), -1, dtype=np.int16)
    before[:covered] = columns[np.asarray(raw[:covered]).argmax(axis=1)]
    before[board.blind] = -1
    return before


def flipped(board: Board, before: NDArray[np.int16]) -> Mask:
    """(N,) bool: predicted by both rounds, and not as the same class."""
    return (board.predicted >= 0) & (before >= 0) & (board.predicted != before)


def _part(found: Candidates, mask: Mask) -> Candidates:
    return Candidates(found.positions[mask], found.columns[mask], found.confidence[mask])


def _mapped(access: Access, stored: str) -> NDArray[np.float32]:
    """A float32 file of the workspace, mapped into memory."""
    return durable.read_array(access.workspace.path(stored)).astype(np.float32, copy=False)


def _rounds(project_id: int):  # type: ignore[no-untyped-def]
    """Finished rounds with their snapshot's class order."""
    return (
        select(round_, snapshot.c.class_ids)
        .join(snapshot, snapshot.c.id == round_.c.snapshot_id)
        .where(finished(project_id))
    )


def _round_row(conn: Connection, project_id: int, number: int | None) -> RowMapping | None:
    query = _rounds(project_id).order_by(round_.c.number.desc())
    if number is not None:
        query = query.where(round_.c.number == number)
    row = conn.execute(query.limit(1)).mappings().first()
    if row is None and number is not None:
        raise ValueError(f"Round {number} has not finished. Choose a finished round.")
    return row


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
