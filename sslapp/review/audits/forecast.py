"""How many looks an audit still takes, and how its weights are best mixed.

Both are played with errors drawn from the frozen confidences, so they are as good as these are;
what an audit proves does not depend on them.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sslapp.review.audits.audit import UNASKED, Audit, Lot, LotPart, Terms
from sslapp.review.audits.bound import Looks, first_rejection
from sslapp.review.audits.draw import LEAST

MIXES = (0.2, 0.4, 0.6, 0.8)
USUAL_MIX = 0.6
MOST_PLAYED = 60_000
"""Images of a lot that are played; of a larger one some, drawn at random."""

ENOUGH_TO_TELL = 50
"""Answers from which on they say how far confidences can be believed."""

WORLDS = (1.0, 2.0, 4.0)
"""By how much the temperature may have been too high: 1 is as the confidences say, and a calibrated
round is humble, so that there are fewer errors, and these among the least confident images."""

BELIEFS = {0.25: 0.05, 0.5: 0.1, 1.0: 0.25, 2.0: 0.35, 4.0: 0.25}
"""The same factor with how likely each is held to be before there are answers; below 1 there are
more errors than the confidences promise."""

NAMED_SHARES = (0.0, 0.0025, 0.005, 0.01, 0.02, 0.03)
"""Shares of a lot that may be named before it is frozen."""

WORTH = 0.9
"""Of the looks without it that naming images first may cost: less is within what the plays vary."""

ORDERS = 8
"""Orders of the queue that are played for each mix: what a single one takes varies by a half."""

WEIGHED_MIXES = (0.4, 0.8)
"""Mixes while it is weighed whether to name images first: the least of many noisy figures
flatters."""

FARTHEST = 20_000
"""Looks that are looked ahead: nobody plans for more."""

PLAYS = 15
FIRST_LOOKS = 512


def expected_looks(
    audit: Audit, part: LotPart, answers: NDArray[np.int8], allowed: int, seed: int = 0
) -> int | None:
    """How many more looks show that at most `allowed` labels of a part are wrong after mending.

    The median over errors that are played as `BELIEFS` say, by what the answers have made of these.

    Args:
        answers: (N,) int8 as for `Audit.draws`.
        seed: of the errors that are played.

    Returns:
        None for more than 20,000, or where even asking about all of them does not prove it.
    """
    draws = audit.draws(part, answers)
    ahead = audit.first_rows(part, len(draws) + FARTHEST)[len(draws) :]
    rng = np.random.default_rng([seed, len(draws)])
    believed = _believed(audit, part, draws)
    played = []
    for sharper in rng.choice(list(believed), PLAYS, p=list(believed.values())):
        wrong = error_chance(audit.lot.confidence[ahead], sharper)
        played.append(_played(audit, part, draws, ahead, allowed, wrong, rng))
    middle = int(np.median(played))
    return None if middle > len(ahead) else middle


def expected_wrong(audit: Audit, part: LotPart, answers: NDArray[np.int8]) -> float | None:
    """Wrong labels that are expected among the images of a part that nobody was asked about.

    By the confidences, and by what the answers say of these; None before there are 50 of them.
    """
    draws = audit.draws(part, answers)
    if len(draws) < ENOUGH_TO_TELL:
        return None
    waiting = part.members & (answers == UNASKED)
    confidence = audit.lot.confidence[waiting]
    return sum(
        share * float(error_chance(confidence, sharper).sum())
        for sharper, share in _believed(audit, part, draws).items()
    )


def clean_looks(audit: Audit, part: LotPart, answers: NDArray[np.int8], allowed: int) -> int | None:
    """The looks that show it if no further error is found; None likewise."""
    draws = audit.draws(part, answers)
    ahead = audit.first_rows(part, len(draws) + FARTHEST)[len(draws) :]
    none = np.zeros(len(ahead), dtype=np.bool_)
    return _looks(draws, audit.weight[ahead], none, allowed, part)


def choose_mix(lot: Lot, alpha: float, allowed: int, seed: int = 0) -> float:
    """The mix of `MIXES` that takes few looks whether confidences are right or too humble.

    The least geometric mean over worlds with as many errors as the confidences promise, and with
    fewer that lie the more among the least confident images. Chosen before the audit's own seed is
    drawn, with seeds of its own.

    Of a large lot some images are played, drawn at random.

    Args:
        allowed: wrong labels that the target leaves.
    """
    looks = _looks_by_mix(lot, alpha, allowed, seed, MIXES)
    return min(looks, key=lambda mix: (looks[mix], abs(mix - USUAL_MIX)))


@dataclass(frozen=True)
class Weighed:
    """What a lot is expected to cost until it is proven, in images looked at.

    Attributes:
        now: by an audit of it as it is.
        named: its least confident images that are best named blind before it is frozen; 0 unless
            that saves a tenth.
        after: by an audit of the rest then, the named ones not counted.
    """

    now: int
    named: int
    after: int


def weigh(lot: Lot, alpha: float, allowed: int, seed: int = 0) -> Weighed:
    """Whether naming a lot's least confident images first makes the whole cheaper.

    Named blind they are right and in no lot; what is left has fewer errors and the same number
    allowed. Up to 3 % of the lot are considered, in the worlds of `choose_mix`.

    Args:
        allowed: wrong labels that the target leaves.
    """
    doubtful = np.argsort(lot.confidence, kind="stable")
    found: list[Weighed] = []
    for share in NAMED_SHARES:
        named = int(share * len(lot))
        kept = np.sort(doubtful[named:])
        rest = Lot(lot.positions[kept], lot.class_ids[kept], lot.confidence[kept])
        after = min(_looks_by_mix(rest, alpha, allowed, seed, WEIGHED_MIXES).values())
        found.append(Weighed(0, named, min(round(after), len(rest))))
    best = min(found, key=lambda each: each.named + each.after)
    if best.named + best.after > WORTH * found[0].after:
        best = found[0]
    return Weighed(found[0].after, best.named, best.after)


def _looks_by_mix(
    lot: Lot, alpha: float, allowed: int, seed: int, mixes: Sequence[float]
) -> dict[float, float]:
    """The geometric mean over the worlds of the looks that an audit with each mix takes."""
    rng = np.random.default_rng([seed, len(lot)])
    if len(lot) > MOST_PLAYED:
        rows = np.sort(rng.permutation(len(lot))[:MOST_PLAYED])
        allowed = allowed * MOST_PLAYED // len(lot)
        lot = Lot(lot.positions[rows], lot.class_ids[rows], lot.confidence[rows])
    nothing = np.full(len(lot), UNASKED, dtype=np.int8)
    found = {}
    for mix in mixes:
        looks: list[int] = []
        for number in range(ORDERS):
            audit = Audit(lot, Terms(seed=seed + number, mix=mix, alpha=alpha))
            part = audit.parts[0]
            ahead = audit.queue[:FARTHEST]
            about = (audit, part, audit.draws(part, nothing), ahead, allowed)
            for sharper in WORLDS:
                wrong = error_chance(lot.confidence[ahead], sharper)
                looks.append(_played(*about, wrong, rng))
        found[mix] = float(np.expm1(np.log1p(looks).mean()))
    return found


def error_chance(confidence: NDArray[np.float64], sharper: float) -> NDArray[np.float64]:
    """(n,) the chance that a label is wrong if its round's temperature was so many times too high.

    With probabilities to the power of that, normalised anew. What is left beside the label is taken
    to lie on as few other classes as are less likely than it.
    """
    others = np.ceil((1 - confidence) / np.maximum(confidence, LEAST) - 1e-9).clip(min=1)
    rest = others * ((1 - confidence) / others) ** sharper
    wrong: NDArray[np.float64] = rest / (confidence**sharper + rest)
    return wrong


def _played(  # noqa: PLR0917
    audit: Audit,
    part: LotPart,
    draws: Looks,
    ahead: NDArray[np.int64],
    allowed: int,
    wrong: NDArray[np.float64],
    rng: np.random.Generator,
) -> int:
    """The further looks, with errors drawn by the (n,) chances of the images ahead."""
    errors = rng.random(len(ahead)) < wrong
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
    """The number of draws after which U - F was first at most `allowed`, by bisection.

    U never grows and F never falls, and U - F is at most `allowed` once E0 = F + allowed + 1 is
    rejected, with F the errors by then.
    """

    def proven(count: int) -> bool:
        if draws.size - count <= allowed:  # images not drawn yet
            return True
        seen = replace(
            draws,
            weight=draws.weight[:count],
            left=draws.left[:count],
            errors=draws.errors[:count],
        )
        return first_rejection(seen, seen.found + allowed + 1, part.alpha) is not None

    if not proven(len(draws)):
        return None
    return bisect_left(range(len(draws)), True, key=proven)


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


def _believed(audit: Audit, part: LotPart, draws: Looks) -> dict[float, float]:
    """`BELIEFS` after the answers, by Bayes' rule."""
    confidence = audit.lot.confidence[audit.first_rows(part, len(draws))]
    logs = []
    for sharper, share in BELIEFS.items():
        chance = np.clip(error_chance(confidence, sharper), LEAST, 1 - LEAST)
        said = np.where(draws.errors, chance, 1 - chance)
        logs.append(np.log(share) + np.log(said).sum())
    odds = np.exp(np.array(logs) - max(logs))
    return dict(zip(BELIEFS, (odds / odds.sum()).tolist(), strict=True))
