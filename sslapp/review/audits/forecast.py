"""How many looks an audit still takes, and how its weights are best mixed.

Both are played with errors drawn from the frozen confidences, so they are as good as these are;
what an audit proves does not depend on them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslapp.review.audits.audit import UNASKED, Audit, Lot, LotPart, Terms
from sslapp.review.audits.bound import Looks, first_rejection

MIXES = (0.2, 0.4, 0.6, 0.8)
USUAL_MIX = 0.6
MOST_PLAYED = 5_000
"""Images of a lot that are played; what a proof costs depends on shares more than on numbers."""

ENOUGH_TO_TELL = 50
"""Answers from which on they say how far confidences can be believed."""

WORLDS = (1.0, 0.3, 0.1)
"""Errors for each that the confidences promise: those of a calibrated round are humble."""

ORDERS = 3
"""Orders of the queue that are played for each mix."""

FARTHEST = 20_000
"""Looks that are looked ahead: nobody plans for more."""

PLAYS = 8
FIRST_LOOKS = 512


@dataclass(frozen=True)
class Forecast:
    """Looks to come until a part is proven.

    Attributes:
        without_error: if no further error is found; None for more than 20,000, or where even
            asking about all of them does not prove it.
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
    ahead = audit.first_rows(part, len(draws) + FARTHEST)[len(draws) :]
    clean = clean_looks(audit, part, answers, allowed)
    rng = np.random.default_rng([seed, len(draws)])
    rate = _rate(audit, part, draws)
    played = sorted(_played(audit, part, draws, ahead, allowed, rate, rng) for _ in range(PLAYS))
    middle = played[len(played) // 2]
    return Forecast(clean, None if middle > len(ahead) else middle)


def expected_wrong(audit: Audit, part: LotPart, answers: NDArray[np.int8]) -> float | None:
    """Wrong labels that are expected among the images of a part that nobody was asked about.

    By the confidences, times how many errors the answers found for each that these promised; None
    before there are 50 answers to tell.
    """
    draws = audit.draws(part, answers)
    if len(draws) < ENOUGH_TO_TELL:
        return None
    waiting = part.members & (answers == UNASKED)
    promised = float((1 - audit.lot.confidence[waiting]).sum())
    return _rate(audit, part, draws) * promised


def clean_looks(audit: Audit, part: LotPart, answers: NDArray[np.int8], allowed: int) -> int | None:
    """`Forecast.without_error` alone."""
    draws = audit.draws(part, answers)
    ahead = audit.first_rows(part, len(draws) + FARTHEST)[len(draws) :]
    none = np.zeros(len(ahead), dtype=np.bool_)
    return _looks(draws, audit.weight[ahead], none, allowed, part)


def choose_mix(lot: Lot, alpha: float, allowed: int, seed: int = 0) -> float:
    """The mix of `MIXES` that takes few looks whether confidences are right or too humble.

    The least geometric mean over three worlds: with as many errors as the confidences promise, with
    .3 of them and with .1. Chosen before the audit's own seed is drawn, with seeds of its own.

    Of a large lot some images are played, drawn at random.

    Args:
        allowed: wrong labels that the target leaves.
    """
    rng = np.random.default_rng([seed, len(lot)])
    if len(lot) > MOST_PLAYED:
        rows = np.sort(rng.permutation(len(lot))[:MOST_PLAYED])
        allowed = allowed * MOST_PLAYED // len(lot)
        lot = Lot(lot.positions[rows], lot.class_ids[rows], lot.confidence[rows])
    nothing = np.full(len(lot), UNASKED, dtype=np.int8)
    logs = {}
    for mix in MIXES:
        looks = []
        for number in range(ORDERS):
            audit = Audit(lot, Terms(seed=seed + number, mix=mix, alpha=alpha))
            part = audit.parts[0]
            about = (audit, part, audit.draws(part, nothing), audit.queue[:FARTHEST], allowed)
            looks += [_played(*about, rate, rng) for rate in WORLDS]
        logs[mix] = np.log1p(looks).mean()
    return min(logs, key=lambda mix: (logs[mix], abs(mix - USUAL_MIX)))


def _played(  # noqa: PLR0917
    audit: Audit,
    part: LotPart,
    draws: Looks,
    ahead: NDArray[np.int64],
    allowed: int,
    rate: float,
    rng: np.random.Generator,
) -> int:
    """The further looks with errors at so many times the rate that the confidences promise."""
    errors = rng.random(len(ahead)) < rate * (1 - audit.lot.confidence[ahead])
    found = _looks(draws, audit.weight[ahead], errors, allowed, part)
    return len(ahead) + 1 if found is None else found


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


def _rate(audit: Audit, part: LotPart, draws: Looks) -> float:
    """Errors found for each that the confidences promised, drawn towards 1 while there are few."""
    promised = float((1 - audit.lot.confidence[audit.first_rows(part, len(draws))]).sum())
    return (draws.found + 1) / (promised + 1)
