"""k nearest neighbours: a vote worked by hand, and what it does on digits."""

import math

import numpy as np
import pytest
import torch
from small_tasks import Clouds

from sslapp.methods.nearest_neighbours.method import NearestNeighbours, NearestNeighboursPredictor
from sslapp.vocabulary import Gear


def fit(task, run, **options):
    return NearestNeighbours(NearestNeighbours.Config(**options)).fit(task, run)


def test_the_nearest_vote_by_their_cosines() -> None:
    # cosines of (3, 4) with the four: .6, .8, 1, -.6; the three nearest are classes 0, 1, 1
    labelled = torch.tensor([[1.0, 0], [0, 1], [0.6, 0.8], [-1, 0]])
    found = NearestNeighboursPredictor(
        unit=labelled, labels=torch.tensor([0, 1, 1, 2]), num_classes=3, neighbours=3
    )
    p = found.logits(Clouds(np.array([[3, 4]], dtype=np.float32)), np.array([0])).exp()[0]
    a, b, c = math.exp(6), math.exp(8), math.exp(10)
    assert p.tolist() == pytest.approx([a / (a + b + c), (b + c) / (a + b + c), 0], abs=2e-6)


def test_it_learns_the_digits_and_says_only_classes_it_knows(digits, make_run) -> None:
    task, truth = digits(200)
    fitted = fit(task, make_run(Gear.FEATURES))
    said = fitted.logits(task.features, task.pool).argmax(dim=1).numpy()
    assert (said == truth[task.pool]).mean() > 0.9
    some = task.labelled[truth[task.labelled] < 3]
    fitted = fit(type(task)(**{**vars(task), "labelled": some}), make_run(Gear.FEATURES, "some"))
    assert set(fitted.logits(task.features, task.pool).argmax(dim=1).tolist()) == {0, 1, 2}


def test_fewer_labels_than_neighbours_all_vote_and_saving_keeps_them(
    digits, make_run, tmp_path
) -> None:
    task, _ = digits(12)
    fitted = fit(task, make_run(Gear.FEATURES), neighbours=50)
    fitted.save(tmp_path / "predictor")
    loaded = NearestNeighboursPredictor.load(tmp_path / "predictor")
    rows = task.pool[:9]
    assert torch.equal(loaded.logits(task.features, rows), fitted.logits(task.features, rows))
    voted = (fitted.logits(task.features, rows).exp() > 5e-6).sum(dim=1)
    assert set(voted.tolist()) == {len(set(task.labels[task.labelled].tolist()))}
