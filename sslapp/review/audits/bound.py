"""How many errors a lot can have had, at every moment of its audit at once.

Betting against "the lot has E0 errors" (Waudby-Smith and Ramdas, "Confidence sequences for sampling
without replacement", NeurIPS 2020; Shekhar et al., "Risk-limiting financial audits via weighted
sampling without replacement", UAI 2023). If E0 is the truth, or less than it, the capital M is a
nonnegative (super)martingale that starts at 1: it ever reaches 1 / alpha with a probability of at
most alpha (Ville). So each E0 whose capital reached it is rejected, and reading the bound after
each answer, stopping at will and going on costs nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BETS = (0.2, 0.5, 0.8, 0.95)
SHARES = (0.1, 0.25, 0.3, 0.35)
"""A fixed mixture of bold and timid bets, and the capital that each begins with."""

AT_ONCE = 2_000_000
"""Numbers in memory while several values of E0 are compared."""


@dataclass(frozen=True, eq=False)
class Looks:
    """What an audit has drawn and heard so far, in the order of the queue.

    Attributes:
        size: N, the images of the lot.
        weight: (t,) w of the images drawn.
        left: (t,) sum of w over the images that were not drawn before, this one included.
        least: the smallest w of the lot.
        errors: (t,) bool what was answered otherwise than the lot says.
    """

    size: int
    weight: NDArray[np.float64]
    left: NDArray[np.float64]
    least: float
    errors: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.errors)

    @property
    def found(self) -> int:
        """F, the errors found."""
        return int(self.errors.sum())

    @property
    def undrawn(self) -> int:
        """Images that nobody was asked about."""
        return self.size - len(self)


def log_capital(draws: Looks, supposed: NDArray[np.int64]) -> NDArray[np.float64]:
    """(k, t) log of M after each draw, for each supposed number of errors E0.

    With q = w / W (W the sum over what is not drawn), z = e / (N q), m = (E0 - F) / N with F the
    errors before, zmax = W / (N min w) and lambda = gamma / (zmax - m), M is multiplied by
    1 + lambda (m - z); M is the mixture over gamma. Once F reaches E0 nothing is multiplied any
    more. Where zmax <= m every image left would have to be an error: one that is none makes M
    infinite.

    Args:
        supposed: (k,) values of E0, each from F on and at most F and the images left.
    """
    values = np.asarray(supposed, dtype=np.int64)
    rows = max(1, AT_ONCE // max(len(BETS) * len(draws), 1))
    blocks = [
        _log_capital(draws, values[start : start + rows]) for start in range(0, len(values), rows)
    ]
    return np.concatenate(blocks) if blocks else np.zeros((0, len(draws)))


def most_errors(draws: Looks, alpha: float) -> int:
    """U: with confidence 1 - alpha the lot had at most so many errors when it was frozen.

    The smallest E0 whose capital ever reached 1 / alpha, less one; found by bisection, for M grows
    with E0. At least the errors found, at most these and the images left.

    Args:
        alpha: in (0, 1), the probability of error.
    """
    low, high = draws.found, draws.found + draws.undrawn + 1  # of which nothing is rejected above
    while low < high:
        middle = (low + high) // 2
        if _rejected(draws, middle, alpha):
            high = middle
        else:
            low = middle + 1
    return max(low - 1, draws.found)


def first_rejection(draws: Looks, supposed: int, alpha: float) -> int | None:
    """The number of draws after which E0 was first rejected; None while it is not."""
    reached = log_capital(draws, np.array([supposed]))[0] >= -np.log(alpha)
    return int(reached.argmax()) + 1 if reached.any() else None


def _rejected(draws: Looks, supposed: int, alpha: float) -> bool:
    if supposed > draws.found + draws.undrawn:
        return True
    return first_rejection(draws, supposed, alpha) is not None


def _log_capital(draws: Looks, supposed: NDArray[np.int64]) -> NDArray[np.float64]:
    before: NDArray[np.int64] = np.cumsum(draws.errors) - draws.errors
    m = (supposed[:, None] - before) / draws.size  # (k, t)
    z = np.where(draws.errors, draws.left / (draws.size * draws.weight), 0.0)
    room = draws.left / (draws.size * draws.least) - m
    certain, open_still = room <= 0, m > 0
    bet = (m - z) / np.where(certain, 1.0, room)
    bet[certain | ~open_still] = 0.0
    grown = np.log1p(np.multiply.outer(BETS, bet)).cumsum(axis=2)  # (gamma, k, t)
    log_shares = np.log(SHARES)[:, None, None]
    found: NDArray[np.float64] = np.logaddexp.reduce(grown + log_shares, axis=0)
    refuted = (certain & open_still & ~draws.errors).cumsum(axis=1) > 0
    found[refuted] = np.inf
    return found
