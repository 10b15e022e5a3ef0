"""Betting against the confidences: fair where they are right, and soon rich where they are not."""

from itertools import product

import numpy as np
import pytest

from sslapp.review.audits.overconfidence import capital


def test_the_capital_after_one_answer() -> None:
    # odds of 1/9, supposed 2, 4, 8 and 16 times as high
    supposed = [2 / 11, 4 / 13, 8 / 17, 16 / 25]
    found = capital(np.array([0.9]), np.array([True]))
    assert found == pytest.approx(np.mean(supposed) / 0.1)
    lost = capital(np.array([0.9]), np.array([False]))
    assert lost == pytest.approx((1 - np.mean(supposed)) / 0.9)
    assert capital(np.zeros(0), np.zeros(0, dtype=np.bool_)) == 1.0


@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_confidences_that_are_right_or_humble_are_rarely_contradicted(factor) -> None:
    """Of all 4,096 ways that twelve labels can turn out, weighed by their chances."""
    confidence = np.array([0.5, 0.7, 0.8, 0.9, 0.9, 0.95, 0.95, 0.97, 0.97, 0.98, 0.99, 0.99])
    wrong = factor * (1 - confidence)
    rejected = mean = 0.0
    for errors in product([False, True], repeat=len(wrong)):
        said = np.array(errors)
        chance = float(np.where(said, wrong, 1 - wrong).prod())
        found = capital(confidence, said)
        mean += chance * found
        rejected += chance * (found >= 20)
    assert 0 < rejected <= 0.05
    assert mean == pytest.approx(1.0) if factor == 1 else mean < 1


def test_confidences_that_are_too_high_are_found_out() -> None:
    rng = np.random.default_rng(0)
    confidence = np.full(60, 0.97)
    found = [capital(confidence, rng.random(60) < 0.2) >= 20 for _ in range(200)]
    assert np.mean(found) > 0.95
