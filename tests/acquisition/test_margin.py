from dataclasses import replace

import numpy as np
import pytest

from sslapp.acquisition.registry import STRATEGIES, pick


def test_the_most_doubtful_image_is_picked_first(small):
    best = np.sort(small.probabilities, axis=1)
    margins = best[:, -1] - best[:, -2]
    (first,) = pick("margin", small, 1, seed=0)
    assert first.position == margins.argmin()
    assert first.score == pytest.approx(-margins.min())
    one, two = best[first.position, -1], best[first.position, -2]
    assert f"{one:.0%} against {two:.0%}" in first.reason


def test_a_batch_is_spread_over_unlike_images(small):
    """The ten most doubtful images are near-copies; one of them is enough."""
    features = np.random.default_rng(0).normal(size=(120, 6)).astype(np.float32) * 0.01
    features[10:20] += np.eye(6, dtype=np.float32)[1] * 50
    features[20:30] += np.eye(6, dtype=np.float32)[2] * 50
    certain = np.linspace(0.5, 0.9, 120, dtype=np.float32)
    probabilities = np.stack([certain, 1 - certain, np.zeros_like(certain)], axis=1)
    situation = replace(small, features=features, probabilities=probabilities, groups=None)
    positions = [each.position for each in pick("margin", situation, 3, seed=0)]
    assert positions == [0, 10, 20]


def test_doubt_outside_the_pool_is_not_looked_at(small):
    probabilities = small.probabilities.copy()
    probabilities[5] = [0.5, 0.5, 0]
    situation = replace(small, probabilities=probabilities, candidates=np.arange(50, 120))
    assert all(each.position >= 50 for each in pick("margin", situation, 20, seed=0))


@pytest.mark.parametrize("classes", [1, 2])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_picks_in_a_project_of_few_classes(small, strategy, classes):
    situation = replace(
        small,
        num_classes=classes,
        probabilities=np.full((120, classes), 1 / classes, dtype=np.float32),
        likeness=small.likeness[:, :classes],
        labels=np.where(np.arange(120) < 3, 0, -1),
        candidates=np.arange(3, 120),
    )
    picks = pick(strategy, situation, 10, seed=0)
    assert len({each.position for each in picks}) == 10
    torn = [each for each in picks if "between two classes" in each.reason]
    assert not torn or classes == 2


def test_margin_before_the_first_round_says_what_to_do(small):
    with pytest.raises(ValueError, match="Run a round first"):
        pick("margin", replace(small, probabilities=None), 3, seed=0)
