"""What a training reaches that is told every true label: the upper limit of a comparison.

Only simulations and benchmarks have such labels. It proposes nothing, so it is no method of rounds.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sslapp.training.task import Task
from sslapp.vocabulary import Source


def with_all_labels(task: Task, truth: NDArray[np.int64]) -> Task:
    """The task with the true label of every image that is trained on, and no pool.

    Holdout, test images and those that are none of the classes stay what they are, so a training on
    it takes as many steps by itself and is measured on the same images.

    Args:
        truth: (N,) int64 true classes.
    """
    taught = np.sort(np.concatenate([task.labelled, task.pool]))
    labels, source = task.labels.copy(), task.source.copy()
    labels[taught], source[taught] = truth[taught], Source.EXPERT
    return replace(task, labels=labels, source=source, labelled=taught, pool=taught[:0])
