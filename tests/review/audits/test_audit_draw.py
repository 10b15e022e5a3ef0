"""The weights and the order of an audit's draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslapp.review.audits.draw import draw_order, fresh_seed, weights

EIGHT = np.array((0.99, 0.99, 0.98, 0.97, 0.95, 0.9, 0.7, 0.5))


def test_weights_of_the_worked_example() -> None:
    expected = (0.067447, 0.067447, 0.072345, 0.077243, 0.087040, 0.111530, 0.209493, 0.307455)
    assert weights(EIGHT, 0.5) == pytest.approx(expected, abs=1e-6)


@given(
    confidence=st.lists(st.floats(0, 1), min_size=1, max_size=30),
    mix=st.floats(0.01, 1),
)
def test_weights_are_a_distribution_and_doubt_is_drawn_sooner(confidence, mix) -> None:
    c = np.array(confidence)
    w = weights(c, mix)
    assert w.sum() == pytest.approx(1)
    assert (w >= mix / len(c) * (1 - 1e-12)).all()
    assert (np.diff(w[np.argsort(c)]) <= 1e-12).all()
    assert weights(c, 1) == pytest.approx(np.full(len(c), 1 / len(c)))


@pytest.mark.parametrize(
    ("confidence", "mix"), [([0.5], 0), ([0.5], 1.1), ([], 0.5), ([1.2], 0.5), ([np.nan], 0.5)]
)
def test_what_is_no_distribution_is_refused(confidence, mix) -> None:
    with pytest.raises(ValueError, match=r"mix|confidence"):
        weights(np.array(confidence, dtype=np.float64), mix)


def test_the_order_is_fixed_by_the_seed_for_good() -> None:
    w = weights(EIGHT, 0.5)
    # certificates name a seed: another order from it would make them false
    assert draw_order(w, 0).tolist() == [5, 2, 7, 0, 6, 4, 3, 1]
    assert draw_order(w, 1).tolist() == [5, 7, 3, 4, 6, 0, 2, 1]
    assert sorted(draw_order(w, fresh_seed())) == list(range(8))


def test_what_is_drawn_first_follows_the_weights() -> None:
    w = weights(EIGHT, 0.5)
    first = np.array([draw_order(w, seed)[0] for seed in range(4000)])
    share = np.bincount(first, minlength=8) / 4000
    assert np.abs(share - w).max() < 4 * np.sqrt(0.25 / 4000)
    # without replacement: the second draw is by the weights of what is left
    second = np.array([draw_order(w, seed)[1] for seed in range(4000)])
    left = np.array([sum(w[i] * w[j] / (1 - w[i]) for i in range(8) if i != j) for j in range(8)])
    assert np.abs(np.bincount(second, minlength=8) / 4000 - left).max() < 4 * np.sqrt(0.25 / 4000)


def test_seeds_come_from_the_system() -> None:
    seeds = {fresh_seed() for _ in range(50)}
    assert len(seeds) == 50
    assert all(0 <= each < 2**63 for each in seeds)
