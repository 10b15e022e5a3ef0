from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from sslapp.acquisition.state import Situation, Votes
from sslapp.embedding import pca


@pytest.fixture(scope="session")
def digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(1797, 32) features and the classes."""
    data = load_digits()
    features = pca.fit([data.data], 32).project(data.data)
    return features, data.target.astype(np.int64)


@pytest.fixture
def fresh(digits) -> Situation:
    """The digits with no label at all."""
    count = len(digits[0])
    return Situation(
        features=digits[0],
        labels=np.full(count, -1),
        candidates=np.arange(count),
        num_classes=10,
    )


@pytest.fixture
def small() -> Situation:
    """120 images in 30 groups of 4, three classes, with the predictions of an ensemble's round."""
    rng = np.random.default_rng(0)
    return Situation(
        features=rng.normal(size=(120, 6)).astype(np.float32),
        labels=np.full(120, -1),
        candidates=np.arange(120),
        num_classes=3,
        probabilities=rng.dirichlet(np.ones(3), 120).astype(np.float32),
        votes=Votes(
            members=("linear probe", "prototypes", "label propagation"),
            classes=("cat", "dog", "cow"),
            divergence=rng.uniform(0, 1, 120).astype(np.float32),
            columns=rng.integers(0, 3, (120, 3)).astype(np.int16),
            shares=rng.uniform(0.34, 1, (120, 3)).astype(np.float32),
        ),
        likeness=rng.uniform(-1, 1, (120, 3)).astype(np.float32),
        groups=np.arange(120) // 4,
    )


@pytest.fixture
def answer():
    """A function that plays the reader: (situation, picks, classes) -> the situation after."""

    def after(situation, picks, classes):
        labels = situation.labels.copy()
        drawn = [pick.position for pick in picks if pick.holdout]
        for pick in picks:
            if not pick.holdout:
                labels[pick.position] = classes[pick.position]
        gone = [pick.position for pick in picks]
        return replace(
            situation,
            labels=labels,
            candidates=np.setdiff1d(situation.candidates, gone),
            holdout=np.concatenate([situation.holdout, np.array(drawn, dtype=np.int64)]),
            holdout_labels=situation.holdout_labels + len(drawn),
            picks_before=situation.picks_before + len(picks),
        )

    return after
