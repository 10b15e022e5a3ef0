"""Conformal sets: the quantile of the specification, and the coverage that they promise."""

import math

import numpy as np
import pytest

from sslapp.training.calibration.conformal import class_quantiles, quantile, sets

SCORES = np.array([0.05, 0.1, 0.2, 0.3, 0.35, 0.4, 0.6, 0.8, 0.9])


def test_the_oracles_quantile() -> None:
    assert quantile(SCORES, 0.2) == 0.8
    assert quantile(SCORES[::-1], 0.2) == 0.8


def test_too_few_images_exclude_nothing() -> None:
    assert quantile(SCORES, 0.05) == math.inf
    assert quantile(np.zeros(0), 0.5) == math.inf


def test_every_class_is_covered_as_often_as_promised() -> None:
    rng, alpha, missed = np.random.default_rng(3), 0.2, np.zeros(3)
    for _ in range(300):
        # a model that is bad, and worst about class 2
        truth = rng.integers(0, 3, 260)
        z = rng.normal(size=(260, 3)) + np.eye(3)[truth] * np.array([3.0, 1.5, 0.2])[truth, None]
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        found = sets(p[60:], class_quantiles(p[:60], truth[:60], alpha))
        out = ~found[np.arange(200), truth[60:]]
        missed += [out[truth[60:] == c].mean() for c in range(3)]
    share = missed / 300
    assert (share < alpha + 0.01).all()
    assert (share > alpha - 0.08).all(), "the sets are not much larger than they must be"


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_an_impossible_share_is_refused(alpha) -> None:
    with pytest.raises(ValueError, match="alpha"):
        class_quantiles(np.ones((2, 2)) / 2, np.zeros(2, dtype=np.int64), alpha)
