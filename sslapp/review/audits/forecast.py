"""How many looks an audit still takes, and how its weights are best mixed.

Both are played with errors drawn from the frozen confidences, so they are as good as these are;
what an audit proves does not depend on them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslapp.review.audits.audit import Audit, Lot, LotPart, Terms
from sslapp.review.audits.bound import Looks, first_rejection

MIXES = (0.2, 0.4, 0.6, 0.8)
USUAL_MIX = 0.6
LARGEST_PLAYED = 20_000
"""Images up to which playing the mixes takes less than a second."""

PLAYS = 8
FIRST_LOOKS = 512


@dataclass(frozen=True)
class Forecast:
    """Looks to come until a part is proven.

    Attributes:
        without_error: if no further error is found; None where even asking about all of them does
            not prove it.
        expected: the median over errors drawn from the confidences; None likewise.
    """

    without_error: int | None
    expected: int | None


def forecast(
    audit: Audit, part: LotPart, answers: NDArray[np.int8], allowed: int, seed: int = 0
) -> Forecast:
    """How many more looks show that at most `allowed` labels of a part are wrong after mending.

    Args:
        answers: (N,) int8 as for `Audit.draws`.
        seed: of the errors that are played.
    """
    draws = audit.draws(part, answers)
    ahead = _ahead(audit, part, len(draws))
    doubt = 1 - audit.lot.confidence[ahead]
    clean = _looks(draws, audit.weight[ahead], np.zeros(len(ahead), dtype=np.bool_), allowed, part)
    rate = _rate(audit, part, draws, answers)
    rng = np.random.default_rng([seed, len(draws)])
    played = [
        _looks(draws, audit.weight[ahead], rng.random(len(ahead)) < rate * doubt, allowed, part)
        for _ in range(PLAYS)
    ]
    counted = sorted(len(ahead) + 1 if each is None else each for each in played)
    middle = counted[len(counted) // 2]
    return Forecast(clean, None if middle > len(ahead) else middle)


def choose_mix(lot: Lot, alpha: float, allowed: int, seed: int = 0) -> float:
    """The mix of `MIXES` that is expected to take the fewest looks; .6 for a large lot.

    Chosen before the audit's own seed is drawn, with seeds of its own.

    Args:
        allowed: wrong labels that the target leaves.
    """
    if len(lot) > LARGEST_PLAYED:
        return USUAL_MIX
    nothing = np.full(len(lot), -1, dtype=np.int8)
    looks = {}
    for mix in MIXES:
        audit = Audit(lot, Terms(seed=seed, mix=mix, alpha=alpha))
        found = forecast(audit, audit.parts[0], nothing, allowed, seed).expected
        looks[mix] = len(lot) if found is None else found
    return min(looks, key=lambda mix: (looks[mix], abs(mix - USUAL_MIX)))


def _looks(
    draws: Looks,
    weight: NDArray[np.float64],
    errors: NDArray[np.bool_],
    allowed: int,
    part: LotPart,
) -> int | None:
    """The further looks after which at most `allowed` wrong labels are left; None: never."""
    size = min(FIRST_LOOKS, len(weight))
    while True:
        found = _first_proven(_going_on(draws, weight[:size], errors[:size], part), allowed, part)
        if found is not None:
            return max(found - len(draws), 0)
        if size == len(weight):
            return None
        size = min(4 * size, len(weight))


def _first_proven(draws: Looks, allowed: int, part: LotPart) -> int | None:
    """The number of draws after which U - F was first at most `allowed`.

    U - F is at most `allowed` once E0 = F + allowed + 1 is rejected, with F the errors by then.
    """
    found = np.concatenate([[0], np.cumsum(draws.errors)])
    for errors in range(draws.found + 1):
        reached = np.flatnonzero(found == errors)
        supposed = errors + allowed + 1
        left = draws.size - reached  # images not drawn yet
        impossible = reached[left <= allowed]
        rejected = first_rejection(draws, supposed, part.alpha)
        proven = [] if rejected is None else reached[reached >= rejected].tolist()
        proven += impossible.tolist()
        if proven:
            return int(min(proven))
    return None


def _going_on(
    draws: Looks, weight: NDArray[np.float64], errors: NDArray[np.bool_], part: LotPart
) -> Looks:
    """The draws with some more behind them."""
    weights = np.concatenate([draws.weight, weight])
    left = part.total - np.concatenate([[0.0], np.cumsum(weights)[:-1]])[: len(weights)]
    return Looks(
        draws.size,
        weights,
        np.maximum(left, weights),
        draws.least,
        np.concatenate([draws.errors, errors]),
    )


def _ahead(audit: Audit, part: LotPart, drawn: int) -> NDArray[np.int64]:
    """(n,) rows of a part in the order of its queue, behind the first `drawn`."""
    rows = audit.queue[part.members[audit.queue]]
    return rows[drawn:]


def _rate(audit: Audit, part: LotPart, draws: Looks, answers: NDArray[np.int8]) -> float:
    """Errors found for each that the confidences promised, drawn towards 1 while there are few."""
    rows = audit.queue[part.members[audit.queue]][: len(draws)]
    promised = float((1 - audit.lot.confidence[rows]).sum())
    return (draws.found + 1) / (promised + 1)
