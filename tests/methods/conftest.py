"""Scikit-learn's digits as a task: 1,797 images of 8 x 8, labels drawn at random."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from sslapp.training.run import Run
from sslapp.training.task import Task
from sslapp.vocabulary import Gear, Source


class Images:
    def __init__(self, array):
        self.array = array
        self.shape = array.shape

    def take(self, indices):
        return torch.from_numpy(self.array[indices])


class Encoded:
    views = frozenset({"clean"})

    def __init__(self, array, name="", beside=()):
        self.array = array
        self.shape = array.shape
        self.name, self.beside = name, beside

    def take(self, indices, view="clean"):
        return torch.from_numpy(self.array[indices])


@pytest.fixture(scope="session")
def digits():
    """A function (labels, seed) -> (task, truth); the pool is every row without a label."""
    data = load_digits()
    images = np.rint(data.images * 255 / 16).astype(np.uint8)[:, None]
    features = data.data.astype(np.float32)
    truth = data.target.astype(np.int64)

    def make(count, seed=0):
        order = np.random.default_rng(seed).permutation(len(truth))
        labelled, validation, pool = order[:count], order[count : count + 20], order[count + 20 :]
        labels = np.full(len(truth), -1, dtype=np.int64)
        source = np.zeros(len(truth), dtype=np.uint8)
        for rows in (labelled, validation):
            labels[rows] = truth[rows]
            source[rows] = Source.EXPERT
        task = Task(
            num_classes=10,
            labels=labels,
            source=source,
            forbidden=np.zeros((len(truth), 10), dtype=bool),
            labelled=labelled,
            pool=pool,
            validation=validation,
            pixels=Images(images),
            features=Encoded(features),
        )
        return task, truth

    return make


@pytest.fixture
def make_run(tmp_path):
    """A function (gear) -> Run writing to a folder of this test."""

    def make(gear=Gear.PIXELS, name="attempt-1", **options):
        return Run(
            gear=gear, device=torch.device("cpu"), seed=0, folder=Path(tmp_path / name), **options
        )

    return make
