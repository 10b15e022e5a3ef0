"""What audits of several disjoint lots prove together.

The product of their capitals at the true split of the errors is a nonnegative supermartingale
whatever the order in which the lots are opened and answered, so a total is rejected where the
product is at least 1 / alpha for every way to split it over the lots. Alpha shared by the number of
lots would not do: that number grows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslapp.review.audits.bound import Looks, log_capital, most_errors

GRID = 2_000
"""Values of E0 that are looked at for each lot."""


@dataclass(frozen=True, eq=False)
class Contribution:
    """A lot, or the part of it that was accepted.

    Attributes:
        draws: what its audit heard; with no draws for a lot without one.
        share: of alpha, for a part that was picked from several; it divides the capital.
    """

    draws: Looks
    share: float = 1.0


def unaudited(size: int) -> Contribution:
    """A lot of so many images that nobody was asked about: all of them may be wrong."""
    nothing = np.zeros(0)
    return Contribution(Looks(size, nothing, nothing, 1.0, nothing.astype(np.bool_)))


def most_errors_together(lots: Sequence[Contribution], alpha: float) -> int:
    """With confidence 1 - alpha the lots had at most so many errors in all; 0 for no lots.

    For one lot `bound.most_errors`, which may use its highest capital so far; a product may not.
    With lots too large for every number of errors to be looked at, the answer is that of the
    smallest rejected one on a grid, so it is too high rather than too low.
    """
    if not lots:
        return 0
    if len(lots) == 1:
        return most_errors(lots[0].draws, alpha * lots[0].share)
    step = max(1, math.ceil(max(each.draws.undrawn for each in lots) / GRID))
    least = np.zeros(1)
    for each in lots:
        least = _least_sums(least, _on_grid(each, step))
    # an E0 between two points has at least the capital of the lower one
    slack = 0 if step == 1 else len(lots) - 1
    rejected = np.flatnonzero(least >= -math.log(alpha))
    found = sum(each.draws.found for each in lots)
    possible = found + sum(each.draws.undrawn for each in lots)
    if not len(rejected):
        return possible
    return min(max(found + step * (int(rejected[0]) + slack) - 1, found), possible)


def _on_grid(lot: Contribution, step: int) -> NDArray[np.float64]:
    """(g,) log of the capital at F, F + step, ... up to the last possible E0."""
    supposed = np.arange(lot.draws.found, lot.draws.found + lot.draws.undrawn + 1, step)
    if len(lot.draws) == 0:
        return np.full(len(supposed), math.log(lot.share))
    capital = log_capital(lot.draws, supposed)[:, -1] + math.log(lot.share)
    # rounding aside it grows; what is rejected below stays rejected
    return np.maximum.accumulate(capital)


def _least_sums(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """(a + b - 1,) the least one[i] + other[j] over all i + j = k."""
    least = np.full(len(one) + len(other) - 1, np.inf)
    for start, value in enumerate(one):
        window = least[start : start + len(other)]
        np.minimum(window, value + other, out=window)
    return least
