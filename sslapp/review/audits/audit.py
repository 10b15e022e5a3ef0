"""An audit of a lot: who is asked about next, and what its answers prove, whatever order they come
in.

The bound moves over the longest answered beginning of the queue alone. With several readers, or one
who leaves an image for later, answers behind a gap wait for their turn: counted as they arrive,
quick answers would come before slow ones, and slow ones are the doubtful ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sslapp.review.audits.bound import Looks, most_errors
from sslapp.review.audits.draw import draw_order, weights

UNASKED, AS_SAID, ERROR = -1, 0, 1
"""Codes of an image in the (N,) int8 answers to a lot."""

MOST_THRESHOLDS = 20


@dataclass(frozen=True, eq=False)
class Lot:
    """A frozen list of N images with one label each.

    Attributes:
        positions: (N,) int64 ascending.
        class_ids: (N,) int64 their labels.
        confidence: (N,) float64 in [0, 1], calibrated, that the label is right. It decides what
            the audit costs and nothing of what it proves.
    """

    positions: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    confidence: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.positions)

    def rows_of(self, positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """(n,) int64 rows, and (n,) bool whether the lot has these images; else the row is any."""
        rows = np.searchsorted(self.positions, positions).clip(max=len(self) - 1)
        return rows, self.positions[rows] == positions

    def has(self, positions: NDArray[np.int64], class_ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n,) bool: which of some labels the lot has, with the same class."""
        rows, there = self.rows_of(positions)
        return np.asarray(there & (self.class_ids[rows] == class_ids))


@dataclass(frozen=True)
class Terms:
    """What is settled before the seed is drawn, and the seed.

    Attributes:
        seed: of the order of the queue.
        mix: share of the uniform draw in the weights, in (0, 1].
        alpha: probability of error of everything that the audit says, in (0, 1).
        thresholds: least confidences of the parts that may be accepted by themselves, the one that
            the reader asked about first; it is the whole lot.
    """

    seed: int
    mix: float
    alpha: float
    thresholds: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        """Check them.

        Raises:
            ValueError: for an alpha outside (0, 1), no threshold, or more than 20.
        """
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha: {self.alpha} is no probability of error between 0 and 1.")
        if not 1 <= len(self.thresholds) <= MOST_THRESHOLDS:
            raise ValueError(f"thresholds: 1 to {MOST_THRESHOLDS}, not {len(self.thresholds)}.")

    def share(self, number: int) -> float:
        """Alpha of a threshold: half of it for the first, the rest shared by the others.

        Whichever is accepted by is then proven at the level of the whole.
        """
        others = len(self.thresholds) - 1
        if not others:
            return self.alpha
        return self.alpha / 2 if number == 0 else self.alpha / 2 / others


@dataclass(frozen=True, eq=False)
class LotPart:
    """Some images of a lot: restricted to them, the queue is an audit of them with the same seed.

    Attributes:
        members: (N,) bool.
        alpha: its share of the probability of error.
        size, total, least: how many they are, and the sum and the smallest of their weights.
    """

    members: NDArray[np.bool_]
    alpha: float
    size: int
    total: float
    least: float


@dataclass(frozen=True)
class Proof:
    """What the answers so far prove about a part.

    Attributes:
        size: images of the part.
        looks: answers in the answered beginning of its queue.
        errors: F, the errors among them.
        mended: errors found in the whole part; those ahead of their turn are mended as well.
        most: U, the most errors that it had when it was frozen, with confidence 1 - alpha.
        alpha: of the part.
    """

    size: int
    looks: int
    errors: int
    mended: int
    most: int
    alpha: float

    @property
    def remaining(self) -> int:
        """The most wrong labels that are still in the part, now that those found are mended."""
        return max(self.most - self.mended, 0)

    @property
    def precision(self) -> float:
        """The least share of its labels that is right, mended ones included."""
        return 1 - self.remaining / self.size if self.size else 1.0


class Audit:
    """The queue of a lot and the bounds of its parts.

    Args:
        lot: what it is about, of at least one image.
        terms: what was settled when it was opened.
    """

    def __init__(self, lot: Lot, terms: Terms) -> None:
        self.lot = lot
        self.terms = terms
        self.weight = weights(lot.confidence, terms.mix)

    @cached_property
    def queue(self) -> NDArray[np.int64]:
        """(N,) int64 rows of the lot in the order in which they are asked about."""
        return draw_order(self.weight, self.terms.seed)

    @cached_property
    def parts(self) -> tuple[LotPart, ...]:
        """The part of each threshold, the first the whole lot."""
        kept = [np.ones(len(self.lot), dtype=np.bool_)]
        kept += [self.lot.confidence >= each for each in self.terms.thresholds[1:]]
        return tuple(self.part(each, self.terms.share(k)) for k, each in enumerate(kept))

    def part(self, members: NDArray[np.bool_], alpha: float) -> LotPart:
        """The part of some images of the lot, chosen before the seed or with alpha paid for it."""
        mine = self.weight[members]
        least = float(mine.min()) if len(mine) else 0.0
        return LotPart(members, alpha, len(mine), float(mine.sum()), least)

    def draws(self, part: LotPart, answers: NDArray[np.int8]) -> Looks:
        """The answered beginning of a part's queue.

        Args:
            answers: (N,) int8, for each row of the lot UNASKED, AS_SAID or ERROR.
        """
        drawn = self._beginning(part, answers)
        weight = self.weight[drawn]
        left = part.total - np.concatenate([[0.0], np.cumsum(weight)[:-1]])
        # what a rest of rounding leaves at the end of a lot is no less than the image drawn there
        left = np.maximum(left[: len(drawn)], weight)
        return Looks(part.size, weight, left, part.least, answers[drawn] == ERROR)

    def proof(self, part: LotPart, answers: NDArray[np.int8]) -> Proof:
        """What the answers prove about a part. Answers as for `draws`."""
        draws = self.draws(part, answers)
        most = most_errors(draws, part.alpha)
        mended = int((answers[part.members] == ERROR).sum())
        return Proof(part.size, len(draws), draws.found, mended, most, part.alpha)

    def first_rows(self, part: LotPart, count: int) -> NDArray[np.int64]:
        """(n,) int64 the first `count` rows of a part in the order of its queue, or all."""
        size = max(count, 1024)
        while True:
            rows = self.queue[:size]
            rows = rows[part.members[rows]]
            if len(rows) >= count or size >= len(self.queue):
                return rows[:count]
            size *= 4

    def next_rows(
        self, answers: NDArray[np.int8], count: int, taken: Sequence[int] = ()
    ) -> NDArray[np.int64]:
        """(n,) int64 the first rows of the queue that nobody has answered.

        Args:
            count: at most so many.
            taken: rows that others have before them.
        """
        waiting = answers == UNASKED
        waiting[np.asarray(taken, dtype=np.int64)] = False
        step = max(4 * count, 1024)
        found: list[int] = []
        for start in range(0, len(self.queue), step):
            rows = self.queue[start : start + step]
            found += rows[waiting[rows]].tolist()
            if len(found) >= count:
                break
        return np.array(found[:count], dtype=np.int64)

    def _beginning(self, part: LotPart, answers: NDArray[np.int8]) -> NDArray[np.int64]:
        """(t,) rows of a part in the order of its queue, up to the first that waits."""
        size = 1024
        while True:
            rows = self.first_rows(part, size)
            waiting = np.flatnonzero(answers[rows] == UNASKED)
            if len(waiting):
                return rows[: waiting[0]]
            if len(rows) < size:
                return rows
            size *= 4
