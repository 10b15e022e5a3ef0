"""A task of features in clouds that overlap, made in a millisecond."""

import numpy as np
import torch

from sslapp.training.task import Task
from sslapp.vocabulary import Source

COUNT, CLASSES, DIM = 200, 3, 6


class Clouds:
    """Features in memory."""

    views = frozenset({"clean"})
    name = ""
    beside = ()

    def __init__(self, array) -> None:
        self.array = array
        self.shape = array.shape

    def take(self, indices, view="clean"):
        return torch.from_numpy(self.array[indices])


def blobs(labelled: int, holdout: int, *, apart: float = 2.0, seed: int = 0) -> Task:
    """200 images of 3 classes.

    Args:
        apart: between the classes' centres, in deviations.
    """
    rng = np.random.default_rng(seed)
    truth = np.arange(COUNT) % CLASSES
    centres = apart * np.eye(CLASSES, DIM)
    features = (centres[truth] + rng.normal(size=(COUNT, DIM))).astype(np.float32)
    order = rng.permutation(COUNT)
    taught, judged = order[:labelled], order[labelled : labelled + holdout]
    labels = np.full(COUNT, -1, dtype=np.int64)
    source = np.zeros(COUNT, dtype=np.uint8)
    for rows in (taught, judged):
        labels[rows] = truth[rows]
        source[rows] = Source.EXPERT
    return Task(
        num_classes=CLASSES,
        labels=labels,
        source=source,
        forbidden=np.zeros((COUNT, CLASSES), dtype=bool),
        labelled=taught,
        pool=np.sort(order[labelled + holdout :]),
        validation=judged,
        features=Clouds(features),
    )
