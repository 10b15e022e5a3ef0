from dataclasses import replace

import numpy as np
import pytest

from sslapp.acquisition.registry import STRATEGIES, pick


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_picks_are_distinct_candidates_each_with_a_reason(strategy, small):
    situation = replace(small, candidates=np.arange(10, 90))
    picks = pick(strategy, situation, 15, seed=3)
    positions = [each.position for each in picks]
    assert len(set(positions)) == 15
    assert set(positions) <= set(range(10, 90))
    assert all(each.reason.endswith(".") for each in picks)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_same_seed_gives_the_same_picks(strategy, small):
    assert pick(strategy, small, 12, seed=5) == pick(strategy, small, 12, seed=5)


def test_another_seed_draws_other_images(small):
    assert pick("random", small, 12, seed=1) != pick("random", small, 12, seed=2)


def test_the_next_call_with_the_same_seed_does_not_repeat_the_draw(small):
    later = replace(small, picks_before=12)
    assert pick("random", small, 12, seed=1) != pick("random", later, 12, seed=1)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_small_pool_is_picked_whole_and_an_empty_one_not_at_all(strategy, small):
    few = replace(small, candidates=np.array([3, 40, 77]))
    picks = sorted(each.position for each in pick(strategy, few, 50, seed=0))
    if strategy == "holdout":  # which leaves half of a small project
        assert len(picks) == 1 and set(picks) < {3, 40, 77}
    else:
        assert picks == [3, 40, 77]
    none = replace(small, candidates=np.zeros(0, dtype=np.int64))
    assert pick(strategy, none, 5, seed=0) == []


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_training_pick_shares_a_group_with_the_holdout(strategy, small):
    situation = replace(
        small, holdout=np.array([0, 41]), candidates=np.setdiff1d(np.arange(120), [0, 41])
    )
    picks = pick(strategy, situation, 118, seed=0)
    groups = {each.position // 4 for each in picks if not each.holdout}
    assert groups.isdisjoint({0, 10})


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_many_equal_images_can_be_picked_from(strategy, small):
    situation = replace(small, features=np.ones((120, 6), np.float32), groups=None)
    assert len({each.position for each in pick(strategy, situation, 30, seed=0)}) == 30


def test_unknown_strategies_and_empty_orders_are_refused(small):
    with pytest.raises(ValueError, match=r"no strategy \"best\".*auto, typiclust"):
        pick("best", small, 1, seed=0)
    with pytest.raises(ValueError, match="at least one"):
        pick("auto", small, 0, seed=0)


def test_a_situation_that_does_not_fit_together_is_refused(small):
    with pytest.raises(ValueError, match="probabilities: expected shape"):
        replace(small, num_classes=4)
    with pytest.raises(ValueError, match="candidates: an image that is already labelled"):
        replace(small, labels=np.zeros(120, dtype=np.int64))
    with pytest.raises(ValueError, match="candidates: a position outside"):
        replace(small, candidates=np.array([120]))
