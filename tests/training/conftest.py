"""A tiny image task whose rows know how often they were read, and runs that can be interrupted."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sslapp.training.run import Run
from sslapp.training.task import Task
from sslapp.vocabulary import Gear, Source


class Images:
    """Pixels in memory."""

    def __init__(self, array):
        self.array = array
        self.shape = array.shape

    def take(self, indices):
        return torch.from_numpy(self.array[indices])


@pytest.fixture
def stripes():
    """A function that makes a Task of 3 classes of 8 x 8 stripes: 60 rows, of which 6 are in none
    of labelled (12), pool (36) and validation (6)."""

    def make(*, forbidden=None, accepted=(), change=None):
        generator = np.random.default_rng(5)
        classes = np.arange(60) % 3
        x, y = np.meshgrid(np.arange(8), np.arange(8))
        patterns = np.stack([(x // 2) % 2, (y // 2) % 2, ((x + y) // 2) % 2]) * 160
        images = patterns[classes] + generator.integers(0, 90, (60, 8, 8))
        images = images[:, None].astype(np.uint8)
        if change is not None:
            change(images)
        order = generator.permutation(60)
        labelled, pool, validation = (np.sort(order[a:b]) for a, b in ((0, 12), (12, 48), (48, 54)))
        labels = np.full(60, -1, dtype=np.int64)
        source = np.zeros(60, dtype=np.uint8)
        for rows in (labelled, validation):
            labels[rows] = classes[rows]
            source[rows] = Source.EXPERT
        source[labelled[list(accepted)]] = Source.ACCEPTED
        matrix = np.zeros((60, 3), dtype=bool)
        for row, column in forbidden or ():
            matrix[pool[row], column] = True
        return Task(
            num_classes=3,
            labels=labels,
            source=source,
            forbidden=matrix,
            labelled=labelled,
            pool=pool,
            validation=validation,
            pixels=Images(images),
        )

    return make


@pytest.fixture
def make_run(tmp_path):
    """A function that makes a Run writing to a named folder of this test.

    `after` names the folders of earlier attempts.
    """

    def make(name="attempt-1", *, after=(), **options) -> Run:
        options["earlier"] = tuple(tmp_path / each for each in after)
        options.setdefault("seed", 7)
        options.setdefault("gear", Gear.PIXELS)
        return Run(device=torch.device("cpu"), folder=Path(tmp_path / name), **options)

    return make
