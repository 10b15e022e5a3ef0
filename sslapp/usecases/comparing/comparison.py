"""Rounds side by side: what each predicted, and how that stands against what is known.

This is the one place besides simulation that reads the true labels a set came with, and it reads
those of the test split only, for rounds that have ended: final scoring. Holdout images that no
reader has labelled yet take part in nothing here, so nobody sees a prediction for one of them.

Classes are the project's by their number, retired ones included: numbers are never reused, so
rounds of different snapshots have the same ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.review.confidence import scaling_of
from sslapp.review.confusion import Paired, cohen_kappa, confusion, paired
from sslapp.rounds.predictions import named_by
from sslapp.store import images, label_classes, rounds, snapshots
from sslapp.store.database import reading
from sslapp.store.label_classes import ClassRow
from sslapp.store.rounds import FinishedRound
from sslapp.store.snapshots import Snapshot
from sslapp.store.state import load_state
from sslapp.training.calibration.table import BINS, CalibrationTable, calibration_table
from sslapp.usecases.access import Access, require
from sslapp.usecases.comparing.rounds import ComparableRound, comparable_rounds

__all__ = ["Compared", "Comparison", "Measure", "Paired", "Score", "read_comparison"]

Positions = NDArray[np.int64]
Classes = NDArray[np.int16]

SURE = 0.95
"""The confidence whose coverage is compared."""

CHUNK = 65_536


class Measure(StrEnum):
    """What rounds are judged on."""

    HOLDOUT = "holdout"
    TEST = "test"


@dataclass(frozen=True)
class Score:
    """So many of the judged images were predicted right."""

    right: int
    judged: int

    @property
    def share(self) -> float:
        """Accuracy; 0 where nothing was judged."""
        return self.right / self.judged if self.judged else 0.0


@dataclass(frozen=True, eq=False)
class Compared:
    """A round's predictions, and what it is judged on. N images as of its snapshot.

    Attributes:
        predicted: (N,) int16 likeliest class by number, whatever readers ruled out.
        raw, sure: (N,) float32 probability of that class, raw and calibrated.
        named: (N,) bool, images that it says something of: all, but for those that a list lacks.
        pool: (p,) of these, images that could receive a pseudo-label.
        truth: for each measure there is, (n,) ascending positions and their (n,) int16 classes.
    """

    round: ComparableRound
    predicted: Classes
    raw: NDArray[np.float32]
    sure: NDArray[np.float32]
    named: NDArray[np.bool_]
    pool: Positions
    truth: Mapping[Measure, tuple[Positions, Classes]]

    def right(self, measure: Measure) -> NDArray[np.bool_]:
        """(n,) bool: whether each judged image was predicted right."""
        positions, classes = self.truth[measure]
        return np.asarray(self.predicted[positions] == classes)

    def score(self, measure: Measure) -> Score | None:
        """Accuracy; None where nothing is known."""
        if measure not in self.truth:
            return None
        right = self.right(measure)
        return Score(int(right.sum()), len(right))

    def calibration(
        self, measure: Measure, *, raw: bool = False, bins: int = BINS
    ) -> CalibrationTable:
        """Confidence against the truth, in bins."""
        confidence = self.raw if raw else self.sure
        return calibration_table(confidence[self.truth[measure][0]], self.right(measure), bins)

    @property
    def mean_confidence(self) -> float | None:
        """Of the pool, calibrated; None without a pool."""
        return float(self.sure[self.pool].mean()) if len(self.pool) else None

    @property
    def coverage(self) -> float | None:
        """Share of the pool that it is SURE about, calibrated; None without a pool."""
        return float((self.sure[self.pool] >= SURE).mean()) if len(self.pool) else None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Rounds in the order asked for.

    Attributes:
        classes: all of the project, retired ones included; `classes[c].number` is c.
        labels: (N,) int16 classes of the current labels, -1 for none.
        open: (N,) bool, images whose predictions may be seen.
    """

    rounds: list[Compared]
    classes: list[ClassRow]
    labels: Classes
    open: NDArray[np.bool_]

    def of(self, number: int) -> Compared:
        """The round with that number."""
        return next(each for each in self.rounds if each.round.number == number)

    @property
    def measures(self) -> list[Measure]:
        """What at least one of the rounds can be judged on, the surest first."""
        known = {measure for each in self.rounds for measure in each.truth}
        return [each for each in (Measure.TEST, Measure.HOLDOUT) if each in known]

    def confusion(self, number: int, measure: Measure) -> NDArray[np.int64]:
        """(C, C) int64: images of true class i that the round took for class j."""
        found = self.of(number)
        positions, classes = found.truth[measure]
        return confusion(classes, found.predicted[positions], len(self.classes))

    def cell(self, number: int, measure: Measure, true: int, predicted: int) -> Positions:
        """The images of one cell: the surest mistakes, or the most doubtful hits, first."""
        found = self.of(number)
        positions, classes = found.truth[measure]
        inside = positions[(classes == true) & (found.predicted[positions] == predicted)]
        order = np.argsort(found.sure[inside], kind="stable")
        return inside[order if true == predicted else order[::-1]]

    def paired(self, first: int, second: int, measure: Measure) -> Paired | None:
        """Two rounds on the images that both are judged on; None where there are none.

        The truth is that of the later round, where a reader corrected a label between the two.
        """
        one, other = self.of(first), self.of(second)
        if measure not in one.truth or measure not in other.truth:
            return None
        later = max(one, other, key=lambda each: each.round.number)
        positions, classes = later.truth[measure]
        both = np.isin(positions, one.truth[measure][0]) & np.isin(
            positions, other.truth[measure][0]
        )
        if not both.any():
            return None
        positions, classes = positions[both], classes[both]
        return paired(one.predicted[positions] == classes, other.predicted[positions] == classes)

    def common(self, first: int, second: int) -> Positions:
        """(n,) images of which both rounds say something, and whose predictions may be seen."""
        one, other = self.of(first).named, self.of(second).named
        count = min(len(one), len(other))
        return np.flatnonzero(self.open[:count] & one[:count] & other[:count])

    def agreement(self, first: int, second: int) -> NDArray[np.int64]:
        """(C, C) int64: images for which the first says class i and the second class j."""
        rows = self.common(first, second)
        one, other = self.of(first).predicted[rows], self.of(second).predicted[rows]
        return confusion(one, other, len(self.classes))

    def kappa(self, first: int, second: int) -> float | None:
        """Cohen's kappa, at most 1: how far the two agree beyond chance.

        None where they share no image, or where chance alone would agree fully.
        """
        return cohen_kappa(self.agreement(first, second))

    def flips(self, first: int, second: int, pair: tuple[int, int] | None = None) -> Positions:
        """Images on which the two differ, those first of which both are sure.

        Args:
            pair: only from this class to that one; equal classes give the images they agree on.
        """
        rows = self.common(first, second)
        one, other = self.of(first), self.of(second)
        before, after = one.predicted[rows], other.predicted[rows]
        wanted = before != after if pair is None else (before == pair[0]) & (after == pair[1])
        rows = rows[wanted]
        return rows[np.argsort(-np.minimum(one.sure[rows], other.sure[rows]), kind="stable")]


def read_comparison(access: Access, project_id: int, numbers: Sequence[int]) -> Comparison:
    """Read the predictions of finished rounds and what they are judged on.

    Raises:
        ValueError: when one of them has not finished or is not of this project.
    """
    known = {each.number: each for each in comparable_rounds(access, project_id)}
    missing = [number for number in numbers if number not in known]
    if missing:
        raise ValueError(f"Round {missing[0]} has not finished; choose among finished rounds.")
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        everything = label_classes.classes(conn, project_id, retired=True)
        state = load_state(conn, project_id)
        unseen = state.holdout & (state.labels < 0)
        number_of = {each.id: each.number for each in everything}
        test = _test_truth(conn, project_id, state.is_test, number_of)
        compared = [
            _compared(
                access,
                known[number],
                rounds.finished_round(conn, project_id, number),
                number_of=number_of,
                test=test,
                open_=~unseen,
            )
            for number in numbers
        ]
        numbers_now = _numbers(np.append(state.class_ids, -1), {**number_of, -1: -1})
    return Comparison(compared, everything, numbers_now[state.labels], ~unseen)


def _test_truth(
    conn: Connection,
    project_id: int,
    is_test: NDArray[np.bool_],
    number_of: Mapping[int, int],
) -> tuple[Positions, Classes]:
    ids = images.true_labels(conn, project_id)
    positions = np.flatnonzero(is_test & (ids >= 0))
    return positions, _numbers(ids[positions], number_of)


def _compared(
    access: Access,
    found: ComparableRound,
    stored_round: FinishedRound,
    *,
    number_of: Mapping[int, int],
    test: tuple[Positions, Classes],
    open_: NDArray[np.bool_],
) -> Compared:
    frozen = snapshots.load(access.workspace, stored_round.snapshot)
    columns = _numbers(frozen.class_ids, number_of)
    scaling = scaling_of(stored_round)
    stored = stored_round.read_probabilities(access.workspace)
    predicted = np.zeros(len(stored), dtype=np.int16)
    raw, sure = (np.zeros(len(stored), dtype=np.float32) for _ in range(2))
    named = np.zeros(len(stored), dtype=np.bool_)
    for at in range(0, len(stored), CHUNK):  # probabilities of a large set do not fit into memory
        part = slice(at, at + CHUNK)
        p = stored[part]
        rows, best = np.arange(len(p)), p.argmax(axis=1)
        predicted[part] = columns[best]
        named[part] = named_by(stored_round, p)
        raw[part] = p[rows, best]
        sure[part] = scaling.apply(p)[rows, best]
    open_ = open_[: len(named)] & named
    truth = {
        Measure.TEST: _asked(test, named, columns),
        Measure.HOLDOUT: _holdout_truth(frozen, columns, open_),
    }
    return Compared(
        found,
        predicted,
        raw,
        sure,
        named,
        pool=frozen.pool[open_[frozen.pool]],
        truth={measure: pair for measure, pair in truth.items() if len(pair[0])},
    )


def _asked(
    truth: tuple[Positions, Classes], named: NDArray[np.bool_], columns: Classes
) -> tuple[Positions, Classes]:
    """The images that a round says something of whose class it could give at all."""
    positions, classes = truth
    asked = (positions < len(named)) & np.isin(classes, columns)
    asked[asked] = named[positions[asked]]
    return positions[asked], classes[asked]


def _holdout_truth(
    frozen: Snapshot, columns: Classes, open_: NDArray[np.bool_]
) -> tuple[Positions, Classes]:
    positions = frozen.validation[open_[frozen.validation]]
    return positions, columns[frozen.labels[positions]]


def _numbers(ids: NDArray[np.int64], number_of: Mapping[int, int]) -> Classes:
    """(n,) int16 class numbers of class ids."""
    unique, place = np.unique(ids, return_inverse=True)
    return np.array([number_of[each] for each in unique.tolist()], dtype=np.int16)[place]
