from dataclasses import replace

import numpy as np

from sslapp.acquisition.registry import pick


def strategies(picks):
    return {each.strategy for each in picks if not each.holdout}


def with_labels(situation, classes):
    labels = situation.labels.copy()
    labels[: len(classes)] = classes
    return replace(situation, labels=labels, candidates=np.flatnonzero(labels < 0), groups=None)


def test_typical_images_lead_until_every_class_is_known_and_a_round_exists(small):
    assert strategies(pick("auto", with_labels(small, [0, 1]), 10, seed=0)) == {"typiclust"}
    complete = with_labels(small, [0, 1, 2])
    assert strategies(pick("auto", complete, 10, seed=0)) == {"margin"}
    no_round = replace(complete, probabilities=None)
    assert strategies(pick("auto", no_round, 10, seed=0)) == {"typiclust"}


def test_training_picks_are_those_of_the_leading_strategy_without_the_holdout(small):
    situation = with_labels(small, [0, 1, 2])
    picks = pick("auto", situation, 10, seed=4)
    drawn = np.array([each.position for each in picks if each.holdout])
    rest = replace(situation, candidates=np.setdiff1d(situation.candidates, drawn), holdout=drawn)
    assert [each for each in picks if not each.holdout] == pick("margin", rest, 8, seed=4)
