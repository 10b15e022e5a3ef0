from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslapp.acquisition import holdout
from sslapp.acquisition.registry import pick
from sslapp.acquisition.state import Situation


def situation(count, **known):
    rng = np.random.default_rng(0)
    return Situation(
        features=rng.normal(size=(count, 2)).astype(np.float32),
        labels=np.full(count, -1),
        candidates=np.arange(count),
        num_classes=2,
        **known,
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=25))
def test_the_share_is_the_same_however_the_picks_are_asked_for(sizes):
    plan = []
    for size in sizes:
        plan += holdout.slots(situation(1, picks_before=len(plan), holdout_labels=sum(plan)), size)
    numbers = [at + 1 for at, mine in enumerate(plan) if mine]
    every_fifth = list(range(5, 251, 5))
    every_tenth = list(range(260, 2000, 10))
    assert numbers == [n for n in every_fifth + every_tenth if n <= len(plan)]


@pytest.mark.slow
def test_auto_fills_the_holdout_in_the_stated_share_while_it_is_answered(answer):
    classes = np.arange(700) % 2
    now, kinds = situation(700), []
    while now.picks_before < 300:
        picks = pick("auto", now, 20, seed=7)
        kinds += [each.holdout for each in picks]
        now = answer(now, picks, classes)
    places = [at + 1 for at, mine in enumerate(kinds) if mine]
    assert places == [*range(5, 251, 5), *range(260, 301, 10)]
    assert (now.labels[now.holdout] == -1).all()


@pytest.mark.parametrize(("images", "most"), [(3, 0), (4, 0), (5, 1), (12, 2), (24, 4), (40, 8)])
@pytest.mark.parametrize("at_once", [1, 7, 50])
def test_a_small_project_loses_one_image_in_five_to_the_holdout_at_most(
    answer, images, most, at_once
) -> None:
    now = situation(images)
    while picks := pick("auto", now, at_once, seed=1):
        now = answer(now, picks, np.arange(images) % 2)
    assert len(now.holdout) == most
    assert len(now.labelled) == images - most


def test_a_holdout_that_is_asked_for_leaves_half_of_a_small_project() -> None:
    assert len(pick("holdout", situation(12), 50, seed=1)) == 6
    assert len(pick("holdout", situation(100), 50, seed=1)) == 30


def test_the_number_that_is_aimed_at_is_one_that_can_be_reached() -> None:
    assert [holdout.target(0, images) for images in (3, 12, 100, 1000)] == [0, 2, 20, 30]
    assert (holdout.target(30, 1000), holdout.target(30, 150)) == (50, 30)


def test_picks_one_at_a_time_have_the_same_share(answer):
    now, kinds = situation(60), []
    for _ in range(30):
        (each,) = pick("auto", now, 1, seed=1)
        kinds.append(each.holdout)
        now = answer(now, [each], np.zeros(60, dtype=np.int64))
    assert [at + 1 for at, mine in enumerate(kinds) if mine] == [5, 10, 15, 20, 25, 30]


def test_holdout_images_are_drawn_uniformly():
    now = situation(20)
    drawn = Counter(each.position for seed in range(3000) for each in holdout.draw(now, 2, seed))
    expected = 3000 * 2 / 20
    assert len(drawn) == 20
    chi_square = sum((seen - expected) ** 2 / expected for seen in drawn.values())
    assert chi_square < 43.8  # 19 degrees of freedom, p = 0.001


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**31), groups=st.integers(3, 30), size=st.integers(1, 12))
def test_no_group_is_ever_in_both_holdout_and_training(seed, groups, size):
    count = 90
    member = np.random.default_rng(seed).integers(-1, groups, count)  # -1: a group of its own
    now = situation(count, groups=member)
    labels, drawn = now.labels.copy(), []
    for _ in range(6):
        picks = pick("auto", now, size, seed)
        labels[[each.position for each in picks if not each.holdout]] = 0
        drawn += [each.position for each in picks if each.holdout]
        trained = set(member[labels >= 0]) - {-1}
        assert trained.isdisjoint(member[drawn])
        taken = np.union1d(np.flatnonzero(labels >= 0), drawn)
        now = replace(
            now,
            labels=labels.copy(),
            candidates=np.setdiff1d(np.arange(count), taken),
            holdout=np.array(drawn, dtype=np.int64),
            holdout_labels=len(drawn),
            picks_before=now.picks_before + len(picks),
        )


def test_once_every_group_is_trained_on_the_pick_goes_to_the_strategy():
    labels = np.full(20, -1)
    labels[:2] = 0
    now = replace(
        situation(20), labels=labels, candidates=np.arange(2, 20), groups=np.arange(20) % 2
    )
    picks = pick("auto", now, 10, seed=0)
    assert len(picks) == 10
    assert not any(each.holdout for each in picks)


def test_the_reason_of_a_holdout_pick_is_the_same_whatever_was_predicted(small):
    certain = replace(small, probabilities=np.eye(3, dtype=np.float32)[np.arange(120) % 3])
    first = [each for each in pick("auto", small, 30, seed=0) if each.holdout]
    second = [each for each in pick("auto", certain, 30, seed=0) if each.holdout]
    assert len(first) == 6
    assert first == second
    assert {each.score for each in first} == {0.0}


def test_the_holdout_can_be_filled_alone_and_ends_when_it_is_full(small):
    picks = pick("holdout", replace(small, holdout_labels=45), 20, seed=0)
    assert len(picks) == 5
    assert all(each.holdout for each in picks)
    waiting = replace(small, holdout_labels=45, pending_holdout=3)
    assert len(pick("holdout", waiting, 20, seed=0)) == 2
    assert pick("holdout", replace(small, holdout_labels=50), 20, seed=0) == []


def test_the_labels_that_calibrate_a_round_come_first_and_are_exactly_those_missing(small):
    few = replace(small, holdout_labels=6)
    assert len(pick("holdout", few, 40, seed=0)) == 24
    assert len(pick("holdout", replace(few, pending_holdout=20), 40, seed=0)) == 4
    assert len(pick("holdout", replace(small, holdout_labels=30), 40, seed=0)) == 20


@pytest.mark.parametrize("strategy", ["random", "typiclust", "margin"])
def test_the_others_spend_no_picks_on_the_holdout(strategy, small):
    assert not any(each.holdout for each in pick(strategy, small, 30, seed=0))
