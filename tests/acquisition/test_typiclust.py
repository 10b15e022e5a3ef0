from dataclasses import replace

import numpy as np
import pytest

from sslapp.acquisition.registry import pick


def nearest_neighbour_accuracy(features, classes, rows):
    distances = ((features[:, None] - features[rows][None]) ** 2).sum(axis=2)
    right = classes[rows][distances.argmin(axis=1)] == classes
    return np.delete(right, rows).mean()


@pytest.mark.slow
def test_forty_picks_cover_all_digits_and_teach_more_than_random_ones(fresh, digits):
    features, classes = digits
    accuracy = {"typiclust": [], "random": []}
    complete = 0
    for seed in range(6):
        for strategy, scores in accuracy.items():
            rows = np.array([each.position for each in pick(strategy, fresh, 40, seed)])
            scores.append(nearest_neighbour_accuracy(features, classes, rows))
            complete += strategy == "typiclust" and len(set(classes[rows])) == 10
    assert complete >= 5
    assert np.mean(accuracy["typiclust"]) > np.mean(accuracy["random"]) + 0.05


def blobs(sizes):
    """Groups of points, far from each other; the first point of each is its centre."""
    rng = np.random.default_rng(0)
    parts = []
    for number, size in enumerate(sizes):
        spread = rng.normal(size=(size, 3))
        spread[0] = 0
        parts.append(spread + 100 * np.eye(3)[number])
    return np.concatenate(parts).astype(np.float32)


def situation_of(fresh, features):
    count = len(features)
    return replace(fresh, features=features, labels=np.full(count, -1), candidates=np.arange(count))


def test_the_largest_group_comes_first_and_then_the_uncovered_ones(fresh):
    situation = situation_of(fresh, blobs([30, 60, 45]))
    groups = np.repeat([0, 1, 2], [30, 60, 45])
    picks = pick("typiclust", situation, 3, seed=0)
    assert [groups[each.position] for each in picks] == [1, 2, 0]
    assert "60 similar images, none of which is labelled" in picks[0].reason

    labels = situation.labels.copy()
    labels[30] = 0  # the largest group has a label
    labelled = replace(situation, labels=labels, candidates=np.flatnonzero(labels < 0))
    again = pick("typiclust", labelled, 2, seed=0)
    assert [groups[each.position] for each in again] == [2, 0]


def test_the_pick_lies_where_its_group_is_dense(fresh):
    features = blobs([80, 60, 40])
    for each in pick("typiclust", situation_of(fresh, features), 3, seed=0):
        centre = features[each.position].round(-2)
        assert np.linalg.norm(features[each.position] - centre) < 1.2


def test_wide_features_are_handled_and_all_images_can_be_picked(fresh):
    features = np.random.default_rng(0).normal(size=(90, 200)).astype(np.float32)
    picks = pick("typiclust", situation_of(fresh, features), 90, seed=0)
    assert sorted(each.position for each in picks) == list(range(90))
