"""The bound on a lot's errors: worked values, the martingale by enumeration, and its coverage."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from sslapp.review.audits.audit import AS_SAID, ERROR, UNASKED, Audit, Lot, Terms
from sslapp.review.audits.bound import Looks, first_rejection, log_capital, most_errors
from sslapp.review.audits.draw import weights

EIGHT = np.array((0.99, 0.99, 0.98, 0.97, 0.95, 0.9, 0.7, 0.5))
FIVE = np.array((0.99, 0.95, 0.9, 0.7, 0.5))


def drawn(weight, order, wrong) -> Looks:
    """The draws of images in an order, some of them errors."""
    order = list(order)
    left = weight.sum() - np.concatenate([[0], np.cumsum(weight[order])[:-1]])
    errors = np.isin(order, list(wrong))
    return Looks(len(weight), weight[order], left, float(weight.min()), errors)


def test_capital_of_the_worked_example() -> None:
    draws = drawn(weights(EIGHT, 0.5), (7, 0, 6, 3, 1, 5), {6, 7})
    expected = [
        [0.929936, 1.001301, 0.828955, 0.828955, 0.828955, 0.828955],
        [0.984680, 1.155275, 1.041339, 1.186576, 1.402218, 1.747092],
        [1.049538, 1.362070, 1.364664, 1.850108, 2.781815, 4.938024],
    ]
    assert np.exp(log_capital(draws, np.array([2, 3, 4]))) == pytest.approx(
        np.array(expected), abs=1e-6
    )
    # two errors are found and two images left: a fifth error is impossible
    assert most_errors(draws, 0.05) == 4
    assert most_errors(draws, 1 / 4.9) == 3
    assert first_rejection(draws, 4, 1 / 2.7) == 5
    assert first_rejection(draws, 2, 0.5) is None


@pytest.mark.parametrize(
    ("wrong", "supposed", "expected"),
    [
        ({2, 4}, 2, [1, 1, 1, 1]),
        ({4}, 1, [1, 1, 1, 1]),
        ({1, 2, 4}, 2, [0.904340, 0.787038, 0.648563, 0.536162]),
    ],
)
def test_the_capital_is_a_martingale_at_the_truth_and_falls_below_it(
    wrong, supposed, expected
) -> None:
    w = weights(FIVE, 0.5)
    mean = np.zeros(4)
    for order in permutations(range(5), 4):
        draws = drawn(w, order, wrong)
        chance = np.prod(draws.weight / draws.left)
        possible = supposed - draws.found <= draws.undrawn
        assert possible, "four of five drawn leave room for every supposed number here"
        mean += chance * np.exp(log_capital(draws, np.array([supposed]))[0])
    assert mean == pytest.approx(np.array(expected), abs=1e-6)


def test_weights_that_are_not_taken_out_once_drawn_break_the_martingale() -> None:
    """A mistake that costs looks instead of truth, so no count of false certificates shows it."""
    w, mean = weights(FIVE, 0.5), np.zeros(4)
    for order in permutations(range(5), 4):
        draws = drawn(w, order, {2, 4})
        held = replace(draws, left=np.full(4, 1.0))
        mean += np.prod(draws.weight / draws.left) * np.exp(log_capital(held, np.array([2]))[0])
    assert mean[0] == pytest.approx(1)
    assert mean[3] < 0.95


def test_capital_grows_with_the_supposed_errors() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        w = weights(rng.beta(8, 1, 60), 0.6)
        draws = drawn(w, rng.permutation(60)[:30], set(rng.integers(0, 60, 4)))
        capital = log_capital(draws, np.arange(draws.found, draws.found + 31))
        assert (np.diff(capital, axis=0)[np.isfinite(capital[:-1])] >= -1e-9).all()


@pytest.mark.parametrize(
    ("mix", "alpha", "precision", "looks"),
    [
        (0.6, 0.05, 0.95, 123),
        (0.6, 0.05, 0.98, 310),
        (0.6, 0.025, 0.98, 376),
        (1.0, 0.05, 0.95, 73),
        (1.0, 0.05, 0.98, 185),
        (1.0, 0.025, 0.99, 451),
    ],
)
def test_looks_without_an_error_until_a_large_lot_is_proven(mix, alpha, precision, looks) -> None:
    size = 60_000
    confidence = np.clip(1 - np.random.default_rng(0).exponential(0.01, size), 0, 1)
    audit = Audit(
        Lot(np.arange(size), np.zeros(size, dtype=np.int64), confidence), Terms(1, mix, alpha)
    )
    answers = np.full(size, UNASKED, dtype=np.int8)
    answers[audit.queue[:700]] = AS_SAID
    draws = audit.draws(audit.parts[0], answers)
    found = first_rejection(draws, int(size * (1 - precision)) + 1, alpha)
    # published to three digits for another lot of such confidences
    assert found == pytest.approx(looks, rel=0.03)


def test_a_lot_that_is_answered_whole_is_known() -> None:
    rng = np.random.default_rng(1)
    for size in (1, 2, 7, 40):
        wrong = rng.random(size) < 0.2
        audit = Audit(
            Lot(np.arange(size), np.zeros(size, dtype=np.int64), rng.random(size)),
            Terms(3, 0.5, 0.05),
        )
        answers = np.where(wrong, ERROR, AS_SAID).astype(np.int8)
        proof = audit.proof(audit.parts[0], answers)
        assert (proof.looks, proof.errors, proof.most) == (size, wrong.sum(), wrong.sum())
        assert proof.precision == 1


LOTS = {
    "calibrated": lambda rng, wrong: np.where(
        wrong, rng.beta(4, 2, len(wrong)), rng.beta(20, 1, len(wrong))
    ),
    "inverted": lambda rng, wrong: np.where(
        wrong, rng.beta(30, 1, len(wrong)), rng.beta(4, 2, len(wrong))
    ),
    "constant": lambda rng, wrong: np.full(len(wrong), 0.97),
    "planted": lambda rng, wrong: placed(rng.beta(20, 1, len(wrong)), wrong),
}


def placed(confidence, wrong) -> np.ndarray:
    """The confidences, so that the mistakes have the highest of them and the lowest weights."""
    ranked = np.sort(confidence)[::-1]
    found = np.empty(len(wrong))
    found[wrong] = ranked[: wrong.sum()]
    found[~wrong] = ranked[wrong.sum() :]
    return found


@pytest.mark.parametrize("kind", LOTS)
def test_who_stops_at_the_first_proof_is_seldom_wrong(kind) -> None:
    """200 lots a case; benchmarks/audits.py plays 4,000, and the mistakes that it must catch."""
    alpha, false = 0.05, 0
    for seed in range(200):
        rng = np.random.default_rng([7, seed])
        size = int(rng.integers(300, 800))
        wrong = np.zeros(size, dtype=bool)
        count = max(1, int(size * rng.choice([0.004, 0.02, 0.06])))
        wrong[rng.permutation(size)[:count]] = True
        audit = Audit(
            Lot(np.arange(size), np.zeros(size, dtype=np.int64), LOTS[kind](rng, wrong)),
            Terms(seed, 0.6, alpha),
        )
        answers = np.where(wrong, ERROR, AS_SAID).astype(np.int8)
        draws = audit.draws(audit.parts[0], answers)
        # the truth is rejected at some time, so a reader who stops then certifies a falsehood
        false += first_rejection(draws, count, alpha) is not None
    assert false <= 200 * alpha + 3 * np.sqrt(200 * alpha * (1 - alpha))
