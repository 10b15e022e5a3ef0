"""Ramps at the numbers of the papers and of their code."""

import pytest

from sslapp.training.rules import ramps


def test_the_linear_ramp_rises_over_its_share():
    values = [ramps.linear(k, 100, 0.4) for k in (0, 10, 40, 99)]
    assert values == [0, 0.25, 1, 1]


def test_a_share_of_nothing_is_no_ramp():
    assert ramps.linear(0, 100, 0) == 1


def test_the_sigmoid_ramp_has_the_published_values():
    assert [ramps.sigmoid(t) for t in (0, 0.5, 1)] == pytest.approx(
        [0.006737946999, 0.286504796861, 1], abs=1e-9
    )


@pytest.mark.parametrize(
    ("epoch", "weight"), [(1, 0.018310), (40, 0.687612), (79, 2.398126), (80, 2.4)]
)
def test_the_weights_of_temporal_ensemblings_first_epochs(epoch, weight):
    """w_max 30 times 4,000 labels of 50,000, over 80 of 300 epochs."""
    found = 30 * 4000 / 50000 * ramps.sigmoid(ramps.linear(epoch, 300, 80 / 300))
    assert found == pytest.approx(weight, abs=1e-6)
