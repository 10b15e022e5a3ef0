"""What a finished round says of images, with the classes out that readers ruled out or retired.

The desk asks about one image or a page of them after every key (`predictions_at`: a few rows of
the memory map and of the tables), the map, bulk decisions and the report about all of them
(`predictions_of`: read in chunks). Both propose by the same rule, `review.proposals`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.review.candidates import Candidates, says_nothing
from sslapp.review.confidence import scaling_of
from sslapp.review.proposals import CHUNK, Proposals, best_classes, by_doubt, likeliest_columns
from sslapp.rounds.coverage import Coverage
from sslapp.store.errors import NotCovered, Refused
from sslapp.store.rounds import FinishedRound, forbidden_at, forbidden_now
from sslapp.store.state import Standing
from sslapp.workspace import Workspace

Positions = NDArray[np.int64]

NOTHING = np.zeros(0, dtype=np.int64)

NO_CLASS = -1
"""In place of a class id or a column where there is none."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """A round's probabilities for q images in its C classes.

    Attributes:
        round: which round; column c means round.class_ids[c].
        positions: (q,) int64 the images.
        raw: (q, C) float32 as the round stored them; of all its images a memory map.
        forbidden: (q, C) bool, ruled out by readers, or a class that is retired.
    """

    round: FinishedRound
    positions: Positions
    raw: NDArray[np.float32]
    forbidden: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.positions)

    @cached_property
    def class_ids(self) -> NDArray[np.int64]:
        """(C,) int64 class ids of the columns."""
        return np.array(self.round.class_ids, dtype=np.int64)

    @property
    def calibrated(self) -> NDArray[np.float32]:
        """(q, C) float32 after the round's scaling; forbidden classes keep theirs."""
        return scaling_of(self.round).apply(np.asarray(self.raw, dtype=np.float32))

    @cached_property
    def best(self) -> Proposals:
        """(q,) columns and confidences: the likeliest class that is allowed, -1 for none."""
        return best_classes(self.raw, scaling_of(self.round), self.forbidden)

    @property
    def proposed(self) -> NDArray[np.int64]:
        """(q,) int64 class ids of the likeliest class that is allowed; NO_CLASS for none."""
        columns = self.best.columns
        return np.where(columns < 0, NO_CLASS, self.class_ids[columns])

    def confidence_in(self, class_ids: NDArray[np.int64], otherwise: float) -> NDArray[np.float64]:
        """(q,) float64 calibrated probability of a class for each image.

        Args:
            class_ids: (q,) the classes.
            otherwise: for a class that the round does not know.
        """
        found = np.full(len(self), otherwise)
        for start in range(0, len(self), CHUNK):
            part = slice(start, start + CHUNK)
            known = np.isin(class_ids[part], self.class_ids)
            order = np.argsort(self.class_ids)
            column = order[np.searchsorted(self.class_ids, class_ids[part][known], sorter=order)]
            smooth = scaling_of(self.round).apply(np.asarray(self.raw[part], dtype=np.float32))
            found[part][known] = smooth[known, column]
        return found

    def at(self, positions: Positions) -> "Predictions":
        """Of (p,) images alone, of the predictions of all images.

        Raises:
            NotCovered: for an image that came after the round's snapshot.
        """
        _must_be_covered(self.round, len(self.raw), positions)
        return Predictions(self.round, positions, self.raw[positions], self.forbidden[positions])

    def must_propose(self) -> None:
        """Check that there is a class to propose for every image.

        Raises:
            Refused: naming the first for which readers left fewer than two classes.
        """
        bare = self.positions[self.best.columns < 0]
        if len(bare):
            raise Refused(
                f"Image {bare[0]} has no class to propose: fewer than two are left, or the round "
                "finds all equally likely. Label it instead."
            )

    def candidates(self, standing: Standing, withheld: Positions) -> Candidates:
        """What is proposed for the pool, most doubtful first; of the predictions of all images.

        Nothing, where the round's confidence may not be acted on.

        Args:
            standing: the labels by now.
            withheld: (w,) positions that are off the round's list.
        """
        eligible = np.zeros(len(self), dtype=bool)
        pool = standing.pool if self.round.proposes else NOTHING
        eligible[pool[pool < len(self)]] = True
        eligible[withheld[withheld < len(self)]] = False
        return by_doubt(self.best, eligible)

    def alone(self, proposed: Candidates, coverage: Coverage) -> NDArray[np.bool_]:
        """(n,) bool: which of its candidates have a conformal set that holds their class alone."""
        single = np.zeros(len(proposed), dtype=bool)
        for start in range(0, len(proposed), CHUNK):
            part = slice(start, start + CHUNK)
            rows = self.at(proposed.positions[part])
            single[part] = coverage.alone(rows.raw, rows.forbidden, proposed.columns[part])
        return single


def predictions_at(
    conn: Connection, workspace: Workspace, found: FinishedRound, positions: Positions
) -> Predictions:
    """What a round says of (q,) images, by reading their rows alone.

    Raises:
        NotCovered: for an image that came after the round's snapshot.
    """
    whole = found.read_probabilities(workspace)
    _must_be_covered(found, len(whole), positions)
    raw = np.asarray(whole[positions], dtype=np.float32)
    forbidden = forbidden_at(conn, found.project_id, found.class_ids, positions)
    return Predictions(found, positions, raw, forbidden)


def predictions_of(workspace: Workspace, found: FinishedRound, standing: Standing) -> Predictions:
    """What a round says of all images that its snapshot had.

    Args:
        standing: what is decided by now.
    """
    raw = found.read_probabilities(workspace)
    forbidden = forbidden_now(standing, found.class_ids, len(raw))
    return Predictions(found, np.arange(len(raw)), raw, forbidden)


def likeliest(
    workspace: Workspace, found: FinishedRound, positions: Positions | slice
) -> NDArray[np.int64]:
    """(q,) class ids that a round gave most probability, whatever is ruled out by now.

    Args:
        positions: (q,) images, or a slice of all; NO_CLASS for one that the round does not cover,
            or that its list does not name.
    """
    whole = found.read_probabilities(workspace)
    if isinstance(positions, slice):
        return _likeliest(found, whole[positions])
    classes = np.full(len(positions), NO_CLASS, dtype=np.int64)
    there = np.flatnonzero(positions < len(whole))
    classes[there] = _likeliest(found, whole[positions[there]])
    return classes


def _likeliest(found: FinishedRound, raw: NDArray[np.float32]) -> NDArray[np.int64]:
    ids = np.array(found.class_ids, dtype=np.int64)[likeliest_columns(raw, scaling_of(found))]
    return np.where(named_by(found, raw), ids, NO_CLASS)


def named_by(found: FinishedRound, raw: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(q,) bool: of which of (q, C) rows of its probabilities a round says something.

    What was trained says something of every image, a list of those that it names.
    """
    if not found.is_listed:
        return np.ones(len(raw), dtype=np.bool_)
    nothing = np.zeros((1, raw.shape[1]), dtype=np.bool_)
    return ~says_nothing(np.asarray(raw, dtype=np.float32), nothing)


def in_columns(
    predictions: Predictions, class_ids: Sequence[int], count: int
) -> NDArray[np.float32]:
    """(count, K) float32 calibrated probabilities in other columns, 1/K where there are none.

    What a class had that is not among the columns goes to the others in proportion.

    Args:
        predictions: of all images that the round covers, of the `count` there are by now.
        class_ids: (K,) what the columns mean.
    """
    known = predictions.round.class_ids
    table = np.full((count, len(class_ids)), 1 / len(class_ids), dtype=np.float32)
    ours = np.zeros((len(predictions), len(class_ids)), dtype=np.float32)
    smooth = predictions.calibrated
    for column, class_id in enumerate(class_ids):
        if class_id in known:
            ours[:, column] = smooth[:, known.index(class_id)]
    there = slice(0, len(ours))
    if set(known) <= set(class_ids):
        table[there] = ours
    else:
        mass = ours.sum(axis=1, keepdims=True)
        np.divide(ours, mass, out=table[there], where=mass > 0)
    return table


def _must_be_covered(found: FinishedRound, count: int, positions: Positions) -> None:
    if len(positions) and (positions.min() < 0 or positions.max() >= count):
        raise NotCovered(
            f"Round {found.number} covers images 0 to {count - 1}; "
            f"image {positions.max()} came later. Start a new round."
        )
