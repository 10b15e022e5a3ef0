"""Whether an audit's bound holds, what it costs, and whether this benchmark would see it fail.

    python benchmarks/audits.py
    python benchmarks/audits.py --lots 400

*Coverage.* For every kind of lot 4,000 of them: a reader answers the queue and stops at the first
moment when the bound contradicts the truth, which may happen to alpha = .05 of all at most. Beside
it stand the same audits with a mistake in them, each of which must be found out.

*Cost.* Answers until a precision is proven, the means over populations, with errors mended.

*Speed.* An answer, and a preview of all thresholds, at a million images with 20 thresholds.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sslapp.review.audits.audit import AS_SAID, ERROR, UNASKED, Audit, Lot, Terms
from sslapp.review.audits.bound import Looks, first_rejection, log_capital
from sslapp.review.audits.forecast import MIXES
from sslapp.review.audits.together import Contribution, most_errors_together

ALPHA = 0.05
Wrong = NDArray[np.bool_]
Confidence = NDArray[np.float64]


def calibrated(rng: np.random.Generator, wrong: Wrong) -> Confidence:
    """Wrong labels are doubtful, right ones sure."""
    size = len(wrong)
    return np.where(wrong, rng.beta(4, 2, size), rng.beta(20, 1, size))


def inverted(rng: np.random.Generator, wrong: Wrong) -> Confidence:
    """The model is surest of its mistakes."""
    size = len(wrong)
    return np.where(wrong, rng.beta(30, 1, size), rng.beta(4, 2, size))


def constant(rng: np.random.Generator, wrong: Wrong) -> Confidence:
    """The model is equally sure of everything."""
    return np.full(len(wrong), 0.97)


def planted(rng: np.random.Generator, wrong: Wrong) -> Confidence:
    """The mistakes have the lowest weights of all."""
    confidence = rng.beta(20, 1, len(wrong))
    order = np.argsort(-confidence)
    placed = np.empty(len(wrong))
    placed[np.flatnonzero(wrong)] = confidence[order[: wrong.sum()]]
    placed[np.flatnonzero(~wrong)] = confidence[order[wrong.sum() :]]
    return placed


KINDS = {"calibrated": calibrated, "inverted": inverted, "constant": constant, "planted": planted}
SHARES = (0.002, 0.02, 0.05, 0.2)


def lots(kind: str, share: float, count: int) -> Iterator[tuple[Audit, Wrong]]:
    """Audits of lots of 500 to 2,000 images with so many errors, and which images those are."""
    for number in range(count):
        rng = np.random.default_rng([list(KINDS).index(kind), int(share * 1000), number])
        size = int(rng.integers(500, 2001))
        wrong = np.zeros(size, dtype=np.bool_)
        wrong[rng.permutation(size)[: max(1, round(share * size))]] = True
        lot = Lot(np.arange(size), np.zeros(size, dtype=np.int64), KINDS[kind](rng, wrong))
        yield Audit(lot, Terms(int(rng.integers(2**62)), 0.6, ALPHA)), wrong


def heard(audit: Audit, wrong: Wrong) -> Looks:
    """The audit answered to its end."""
    answers = np.where(wrong, ERROR, AS_SAID).astype(np.int8)
    return audit.draws(audit.parts[0], answers)


def contradicted(looks: Looks, errors: int, alpha: float = ALPHA) -> bool:
    """Whether the true number of errors is ever rejected."""
    return first_rejection(looks, errors, alpha) is not None


def honest(audit: Audit, wrong: Wrong) -> bool:
    """The bound as it is."""
    return contradicted(heard(audit, wrong), int(wrong.sum()))


def arrival_order(audit: Audit, wrong: Wrong) -> bool:
    """Answers counted as they arrive: doubtful images take longer, so right ones come first."""
    looks = heard(audit, wrong)
    delay = np.arange(len(looks)) + np.where(looks.errors, 60.0, 0.0)
    return contradicted(_reordered(looks, np.argsort(delay, kind="stable")), int(wrong.sum()))


def known_first(audit: Audit, wrong: Wrong) -> bool:
    """Images that the reader chose, right ones, counted before the draw."""
    looks = heard(audit, wrong)
    right = np.flatnonzero(~looks.errors)[: len(looks) // 20]
    rest = np.setdiff1d(np.arange(len(looks)), right)
    return contradicted(_reordered(looks, np.concatenate([right, rest])), int(wrong.sum()))


def abandoned(audit: Audit, wrong: Wrong) -> bool:
    """A fifth of the errors is put aside and never asked about again."""
    looks = heard(audit, wrong)
    rng = np.random.default_rng(len(looks))
    kept = ~(looks.errors & (rng.random(len(looks)) < 0.2))
    return contradicted(_reordered(looks, np.flatnonzero(kept)), int(wrong.sum()))


def _reordered(looks: Looks, order: NDArray[np.int64]) -> Looks:
    weight = looks.weight[order]
    left = looks.left[0] - np.concatenate([[0.0], np.cumsum(weight)[:-1]])
    return Looks(looks.size, weight, np.maximum(left, weight), looks.least, looks.errors[order])


def picked_threshold(audit: Audit, wrong: Wrong) -> bool:
    """Of 20 thresholds the one that looks best is believed, each with all of alpha."""
    answers = np.where(wrong, ERROR, AS_SAID).astype(np.int8)
    levels = np.quantile(audit.lot.confidence, np.linspace(0, 0.95, 20))
    for level in levels:
        part = audit.part(audit.lot.confidence >= level, ALPHA)
        errors = int(wrong[part.members].sum())
        if contradicted(audit.draws(part, answers), errors):
            return True
    return False


def shared_thresholds(audit: Audit, wrong: Wrong) -> bool:
    """The same with alpha shared, as it is."""
    levels = tuple(np.quantile(audit.lot.confidence, np.linspace(0, 0.95, 20)).tolist())
    shared = Audit(audit.lot, replace(audit.terms, thresholds=levels))
    answers = np.where(wrong, ERROR, AS_SAID).astype(np.int8)
    return any(
        contradicted(shared.draws(part, answers), int(wrong[part.members].sum()), part.alpha)
        for part in shared.parts
    )


RULES: dict[str, Callable[[Audit, Wrong], bool]] = {
    "as it is": honest,
    "20 thresholds, as it is": shared_thresholds,
    "in order of arrival": arrival_order,
    "chosen images first": known_first,
    "draws abandoned": abandoned,
    "20 thresholds, alpha not shared": picked_threshold,
}
MISTAKES = tuple(RULES)[2:]
LOT_OF_TWO = 400


def coverage(count: int) -> None:
    """The table of how often the truth was contradicted."""
    limit = ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / count)
    print(f"Share of {count} lots whose true number of errors was ever rejected (alpha {ALPHA}, ")
    print(f"with three standard errors {limit:.4f}):")
    print("| lots | errors | " + " | ".join(RULES) + " |")
    print("|---|---|" + "---|" * len(RULES))
    worst = dict.fromkeys(RULES, 0.0)
    for kind in KINDS:
        for share in SHARES:
            false = dict.fromkeys(RULES, 0)
            for audit, wrong in lots(kind, share, count):
                for name, rule in RULES.items():
                    false[name] += rule(audit, wrong)
            shares = {name: times / count for name, times in false.items()}
            worst = {name: max(worst[name], shares[name]) for name in RULES}
            cells = " | ".join(f"{each:.4f}" for each in shares.values())
            print(f"| {kind} | {share} | {cells} |", flush=True)
    held = all(worst[name] <= limit for name in RULES if name not in MISTAKES)
    seen = [name for name in MISTAKES if worst[name] > limit]
    print(f"The bound held: {held} (worst {worst['as it is']:.4f}; above .01 it is not blind).")
    print(f"Mistakes found out: {len(seen)} of {len(MISTAKES)}: {', '.join(seen)}.")
    print(
        f"Two lots answered in turn, the product of what they are worth now: {_together(count):.4f}"
    )
    print(
        f"(bar {limit:.4f}); of what they were worth at best: {_together(count, running=True):.4f},"
    )
    print("a mistake that is found out above the bar.")


def _together(count: int, *, running: bool = False) -> float:
    """How often two lots that are answered in turn are contradicted together."""
    false = 0
    for number in range(count):
        rng = np.random.default_rng([99, number])
        pair = []
        for _ in range(2):
            wrong = rng.random(LOT_OF_TWO) < 0.15
            lot = Lot(
                np.arange(LOT_OF_TWO),
                np.zeros(LOT_OF_TWO, dtype=np.int64),
                constant(rng, wrong),
            )
            audit = Audit(lot, Terms(int(rng.integers(2**62)), 0.6, ALPHA))
            pair.append((heard(audit, wrong), int(wrong.sum())))
        capitals = [log_capital(looks, np.array([errors]))[0] for looks, errors in pair]
        if running:
            capitals = [np.maximum.accumulate(each) for each in capitals]
        # the reader goes back and forth as it suits: any pair of moments may be the present one
        one, two = (np.concatenate([[0.0], each]) for each in capitals)
        turns = rng.permutation(np.repeat([0, 1], LOT_OF_TWO))
        first = np.concatenate([[0], np.cumsum(turns == 0)])
        second = np.concatenate([[0], np.cumsum(turns == 1)])
        false += bool((one[first] + two[second] >= -np.log(ALPHA)).any())
    return false / count


COSTS = (
    (1_697, 0.998, 0.98),
    (60_000, 0.984, 0.98),
    (60_000, 0.990, 0.98),
    (60_000, 0.990, 0.99),
    (60_000, 0.995, 0.98),
    (60_000, 0.995, 0.99),
    (60_000, 0.997, 0.99),
)


def cost(repetitions: int) -> None:
    """The table of what a proof costs."""
    print(f"\nAnswers until it is proven (means of {repetitions} populations; 3 % doubtful images")
    print("hold 85 % of the errors, of digits' 1,697 5 % hold 80 %; confidences are calibrated):")
    print("| images | right before | target | " + " | ".join(f"mix {m}" for m in MIXES) + " |")
    print("|---|---|---|" + "---|" * len(MIXES))
    for size, right, target in COSTS:
        means = []
        for mix in MIXES:
            looks = [_answers(size, right, target, mix, each) for each in range(repetitions)]
            means.append(f"{np.mean(looks):,.0f}")
        print(f"| {size:,} | {right} | {target} | {' | '.join(means)} |", flush=True)


def _answers(size: int, right: float, target: float, mix: float, seed: int) -> int:
    rng = np.random.default_rng([size, int(right * 1000), seed])
    doubtful_share, held = (0.05, 0.8) if size < 10_000 else (0.03, 0.85)
    doubtful = rng.random(size) < doubtful_share
    chance = np.where(
        doubtful,
        (1 - right) * held / doubtful_share,
        (1 - right) * (1 - held) / (1 - doubtful_share),
    )
    wrong = rng.random(size) < chance
    lot = Lot(np.arange(size), np.zeros(size, dtype=np.int64), 1 - chance)
    audit = Audit(lot, Terms(seed, mix, ALPHA))
    looks = heard(audit, wrong)
    allowed = int(size * (1 - target))
    found = np.concatenate([[0], np.cumsum(looks.errors)])
    for errors in range(looks.found + 1):
        reached = np.flatnonzero(found == errors)
        proven = first_rejection(_first(looks, int(reached[-1]) + 1), errors + allowed + 1, ALPHA)
        if proven is not None and proven <= reached[-1]:
            return max(proven, int(reached[0]))
    return size


def _first(looks: Looks, count: int) -> Looks:
    return replace(
        looks,
        weight=looks.weight[:count],
        left=looks.left[:count],
        errors=looks.errors[:count],
    )


def speed() -> None:
    """What an answer and a preview cost at a million images."""
    rng = np.random.default_rng(0)
    size, given = 1_000_000, 1_000
    confidence = 1 - rng.exponential(0.01, size).clip(0, 1)
    levels = tuple(np.linspace(0, 0.999, 20).tolist())
    audit = Audit(
        Lot(np.arange(size), np.zeros(size, dtype=np.int64), confidence),
        Terms(1, 0.6, ALPHA, levels),
    )
    started = time.perf_counter()
    rows = audit.queue[:given]
    parts = audit.parts
    opened = time.perf_counter() - started
    answers = np.full(size, UNASKED, dtype=np.int8)
    answers[rows] = np.where(rng.random(given) < 0.02, ERROR, AS_SAID)
    times = []
    for row in audit.queue[given : given + 20]:
        started = time.perf_counter()
        answers[row] = AS_SAID
        audit.proof(parts[0], answers)
        times.append(time.perf_counter() - started)
    started = time.perf_counter()
    for part in parts:
        audit.proof(part, answers)
    preview = time.perf_counter() - started
    print(
        f"\nAt {size:,} images, {given:,} answers, 20 thresholds: queue and parts, once a process,"
    )
    print(f"{opened * 1000:.0f} ms; an answer {np.median(times) * 1000:.1f} ms (bar 5); ", end="")
    print(f"a preview of all thresholds {preview * 1000:.0f} ms (bar 1,000).")
    lots_together = [Contribution(audit.draws(part, answers)) for part in parts[:2]]
    started = time.perf_counter()
    most_errors_together(lots_together, ALPHA)
    print(f"Two lots together {(time.perf_counter() - started) * 1000:.0f} ms.")


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lots", type=int, default=4000, help="lots a case")
    parser.add_argument("--populations", type=int, default=10, help="for the table of costs")
    options = parser.parse_args()
    coverage(options.lots)
    cost(options.populations)
    speed()


if __name__ == "__main__":
    main()
