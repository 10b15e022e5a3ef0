"""Collapse: said where the labels say otherwise, held against a round by the holdout alone."""

import numpy as np
import pytest

from sslapp.review.collapse import find_collapse


def columns(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


def test_a_class_that_has_swallowed_the_others_is_found_and_contradicted() -> None:
    found = find_collapse(columns(3, 497), columns(20, 40), columns(10, 20))
    assert found is not None
    assert (found.column, found.labelled, found.labels) == (1, 40, 60)
    assert found.share == pytest.approx(0.994)
    assert found.contradicted


def test_a_screening_set_that_is_nearly_all_normal_goes_through() -> None:
    # labels picked for learning are half and half; those drawn at random are as predicted
    found = find_collapse(columns(970, 30), columns(55, 25), columns(33, 1))
    assert found is not None, "it is said"
    assert not found.contradicted


def test_where_the_labels_say_the_same_there_is_nothing_to_say() -> None:
    assert find_collapse(columns(970, 30), columns(98, 2), columns(40, 0)) is None


@pytest.mark.parametrize("holdout", [columns(10, 19), columns()])
def test_a_small_holdout_warns_and_does_not_contradict(holdout) -> None:
    found = find_collapse(columns(2, 498), columns(30, 30), holdout)
    assert found is not None
    assert not found.contradicted


def test_the_test_is_at_five_per_cent() -> None:
    # of 30 with a share of .96 fewer than 27 are seen with probability .0312, fewer than 28 .1169
    assert find_collapse(columns(960, 40), columns(26, 4), columns(26, 4)).contradicted
    assert not find_collapse(columns(960, 40), columns(27, 3), columns(27, 3)).contradicted


def test_without_a_pool_or_a_majority_there_is_none() -> None:
    assert find_collapse(columns(), columns(3, 3), columns()) is None
    assert find_collapse(columns(95, 5), columns(3, 3), columns()) is None
