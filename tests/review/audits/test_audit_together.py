"""Several lots at once: by brute force over all splits, on a grid, and in the long run."""

from itertools import product

import numpy as np
import pytest

from sslapp.review.audits.audit import AS_SAID, ERROR, UNASKED, Audit, Lot, Terms
from sslapp.review.audits.bound import log_capital, most_errors
from sslapp.review.audits.together import Contribution, most_errors_together, unaudited


def audited(size, wrong, looks, seed=0, share=1.0) -> Contribution:
    """A lot some of whose first labels are wrong, after so many looks."""
    rng = np.random.default_rng([seed, size])
    truth = np.full(size, AS_SAID, dtype=np.int8)
    truth[rng.permutation(size)[:wrong]] = ERROR
    lot = Lot(np.arange(size), np.zeros(size, dtype=np.int64), rng.beta(20, 1, size))
    audit = Audit(lot, Terms(seed, 0.6, 0.05))
    answers = np.full(size, UNASKED, dtype=np.int8)
    answers[audit.queue[:looks]] = truth[audit.queue[:looks]]
    return Contribution(audit.draws(audit.parts[0], answers), share)


def by_hand(lots, alpha) -> int:
    """The smallest total that every split of it rejects, less one."""
    ranges = [range(e.draws.found, e.draws.found + e.draws.undrawn + 1) for e in lots]
    capitals = [
        np.zeros(len(r)) if len(e.draws) == 0 else log_capital(e.draws, np.array(r))[:, -1]
        for e, r in zip(lots, ranges, strict=True)
    ]
    capitals = [c + np.log(e.share) for c, e in zip(capitals, lots, strict=True)]
    least: dict[int, float] = {}
    for split in product(*(range(len(r)) for r in ranges)):
        total = sum(r[i] for r, i in zip(ranges, split, strict=True))
        here = sum(c[i] for c, i in zip(capitals, split, strict=True))
        least[total] = min(least.get(total, np.inf), here)
    rejected = [total for total, value in least.items() if value >= -np.log(alpha)]
    return min(rejected) - 1 if rejected else max(least)


@pytest.mark.parametrize(
    "lots",
    [
        [audited(30, 2, 20), audited(20, 0, 15, 1)],
        [audited(30, 2, 25), audited(20, 0, 15, 1, share=0.5), audited(12, 1, 12, 2)],
        [audited(25, 0, 20), unaudited(6)],
        [unaudited(4), unaudited(3)],
    ],
)
@pytest.mark.parametrize("alpha", [0.05, 0.4])
def test_the_total_is_what_no_split_of_it_survives(lots, alpha) -> None:
    assert most_errors_together(lots, alpha) == by_hand(lots, alpha)


def test_one_lot_is_its_own_bound_and_none_has_no_errors() -> None:
    lot = audited(300, 3, 120)
    assert most_errors_together([lot], 0.05) == most_errors(lot.draws, 0.05)
    assert most_errors_together([], 0.05) == 0
    half = Contribution(lot.draws, 0.5)
    assert most_errors_together([half], 0.05) == most_errors(lot.draws, 0.025)


def test_a_grid_says_a_little_more_and_never_less() -> None:
    lots = [audited(2500, 10, 500), audited(1800, 5, 300, 1)]
    on_grid = most_errors_together([*lots, unaudited(1)], 0.05)
    exact = _exact(lots, 0.05)
    assert exact <= on_grid - 1 <= exact + 12


def _exact(lots, alpha) -> int:
    """By the most that each number of errors of the first leaves to the second."""
    first, second = (
        np.maximum.accumulate(
            log_capital(e.draws, np.arange(e.draws.found, e.draws.found + e.draws.undrawn + 1))[
                :, -1
            ]
        )
        for e in lots
    )
    found = [e.draws.found for e in lots]
    survive = [
        found[0] + i + found[1] + int(np.searchsorted(second, -np.log(alpha) - value)) - 1
        for i, value in enumerate(first)
        if value + second[0] < -np.log(alpha)
    ]
    return max(survive)


@pytest.mark.slow
def test_two_lots_that_are_looked_at_in_turn_are_seldom_wrong_together() -> None:
    alpha, false = 0.1, 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        wrong = [int(each) for each in rng.integers(1, 6, 2)]
        looks = [0, 0]
        for _ in range(12):  # the reader looks after every few answers, and stops when it suits
            looks[int(rng.integers(2))] += 10
            lots = [
                audited(80, each, min(n, 80), 2 * seed + k)
                for k, (each, n) in enumerate(zip(wrong, looks, strict=True))
            ]
            if most_errors_together(lots, alpha) < sum(wrong):
                false += 1
                break
    assert false <= 120 * alpha + 3 * np.sqrt(120 * alpha * (1 - alpha))
