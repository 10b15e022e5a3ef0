"""The upper limit is taught all true labels of what is trained on, and those of nobody else."""

from dataclasses import replace

import numpy as np
import pytest
from small_tasks import COUNT, blobs

from sslapp.simulation.upper_limit import with_all_labels
from sslapp.vocabulary import Source


@pytest.mark.slow
def test_all_that_is_trained_on_has_its_true_label_and_nothing_else_moves() -> None:
    task = blobs(12, 30)
    none, pool = np.split(task.pool, [5])
    task = replace(task, pool=pool, none_of_these=none)
    task.labels[task.labelled[0]] = 2 - task.labels[task.labelled[0]] % 2  # a reader's mistake
    truth = np.arange(COUNT) % 3
    found = with_all_labels(task, truth)
    taught = np.union1d(task.labelled, pool)
    assert np.array_equal(found.labelled, taught) and not len(found.pool)
    assert np.array_equal(found.labels[taught], truth[taught])
    assert (found.source[taught] == Source.EXPERT).all()
    assert np.array_equal(found.validation, task.validation)
    assert np.array_equal(found.labels[task.validation], task.labels[task.validation])
    assert (found.labels[none] == -1).all() and np.array_equal(found.none_of_these, none)
    assert (task.labels[pool] == -1).all(), "the task itself knows no more than before"
