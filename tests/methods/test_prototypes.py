"""Transductive prototypes: the balance, the preparation, and what they are worth on digits."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sslapp.methods.prototypes import (
    Prototypes,
    PrototypesPredictor,
    balance,
    fit_preparation,
)
from sslapp.methods.supervised import Supervised
from sslapp.vocabulary import Gear


class Rows:
    def __init__(self, array):
        self.array = array
        self.shape = array.shape

    def take(self, indices):
        return torch.from_numpy(self.array[indices])


def fit(task, run, **config):
    return Prototypes(Prototypes.Config(**config)).fit(task, run)


def accuracy(fitted, task, truth, rows):
    return float((fitted.logits(task.features, rows).argmax(1).numpy() == truth[rows]).mean())


@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 40),
    classes=st.integers(2, 6),
)
@settings(max_examples=60, deadline=None)
def test_the_balance_gives_every_class_its_share(seed, rows, classes):
    random = np.random.default_rng(seed)
    scores = torch.from_numpy(random.normal(scale=2.0, size=(rows, classes)))
    shares = torch.from_numpy(random.dirichlet(np.full(classes, 5.0)))
    offset = balance(scores, shares, torch.zeros(classes, dtype=torch.float64))
    p = torch.softmax(scores + offset, dim=1)
    assert p.sum(0).numpy() == pytest.approx(shares.numpy() * rows, rel=1e-3)
    assert p.sum(1).numpy() == pytest.approx(np.ones(rows))


def test_two_images_and_two_classes_are_shared_as_worked_out_by_hand():
    # rows prefer class 0 by 1 and 3; equal shares need v with s(1 + v) + s(3 + v) = 1, so v = -2
    scores = torch.tensor([[1.0, 0.0], [3.0, 0.0]], dtype=torch.float64)
    half = torch.full((2,), 0.5, dtype=torch.float64)
    offset = balance(scores, half, torch.zeros(2, dtype=torch.float64))
    assert float(offset[0] - offset[1]) == pytest.approx(-2.0, abs=1e-5)


def test_a_class_closed_to_all_takes_nothing_and_one_row_may_have_one_class_only():
    scores = torch.tensor([[0.0, 1.0, -torch.inf], [-torch.inf, 0.0, -torch.inf]]).double()
    thirds = torch.full((3,), 1 / 3, dtype=torch.float64)
    p = torch.softmax(scores + balance(scores, thirds, torch.zeros(3).double()), dim=1)
    assert p[:, 2].tolist() == [0.0, 0.0]
    assert p[1, 1] == 1.0
    assert float(p[0, 0]) == pytest.approx(1.0, abs=0.02)  # the column's whole share


def test_whitened_features_have_unit_covariance_and_then_unit_length():
    random = np.random.default_rng(0)
    x = random.normal(size=(500, 8)) @ random.normal(size=(8, 8))
    rows = np.arange(500)
    prepare = fit_preparation(Rows(x.astype(np.float32)), rows, whiten=True)
    roots = np.sign(x) * np.sqrt(np.abs(x))
    white = (roots - prepare.mean.numpy()) @ prepare.basis.numpy().T
    assert white.shape == (500, 2)  # a quarter of the directions
    assert np.cov(white.T, bias=True) == pytest.approx(np.eye(2), abs=1e-3)
    lengths = prepare(torch.from_numpy(x)).norm(dim=1)
    assert lengths.numpy() == pytest.approx(np.ones(500))


def test_without_iterations_the_prototypes_are_the_class_means(digits, make_run):
    task, truth = digits(40)
    fitted = fit(task, make_run(Gear.FEATURES), iterations=0, frequencies="free", whitening="off")
    x = task.features.array.astype(np.float64)
    rows = np.sort(np.concatenate([task.labelled, task.pool]))
    roots = np.sqrt(x) - np.sqrt(x[rows]).mean(axis=0)
    f = roots / np.linalg.norm(roots, axis=1, keepdims=True)
    labels = truth[task.labelled]
    means = np.stack([f[task.labelled[labels == c]].mean(axis=0) for c in range(10)])
    distances = ((f[task.pool][:, None] - means) ** 2).sum(axis=2)
    expected = torch.log_softmax(torch.from_numpy(-30.0 * distances), dim=1).clamp(min=-60)
    found = fitted.logits(task.features, task.pool)
    assert found.numpy() == pytest.approx(expected.numpy(), abs=2e-3)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_label_a_class_beats_the_linear_probe_on_digits(digits, make_run, seed):
    task, truth = digits(1000, seed)
    first = [task.labelled[truth[task.labelled] == c][:1] for c in range(10)]
    labelled = np.concatenate(first)
    rest = np.setdiff1d(task.labelled, labelled)
    task = dataclasses.replace(task, labelled=labelled, pool=np.concatenate([task.pool, rest]))
    probe = Supervised(Supervised.Config()).fit(task, make_run(Gear.FEATURES, "probe"))
    moved = fit(task, make_run(Gear.FEATURES, "moved"), frequencies="uniform")
    gained = accuracy(moved, task, truth, task.pool) - accuracy(probe, task, truth, task.pool)
    assert gained > 0.1


def test_the_shares_of_the_pool_follow_the_holdout(digits, make_run):
    task, truth = digits(60)
    keep = np.isin(truth[task.pool], (0, 1)) | (np.arange(len(task.pool)) % 8 == 0)
    pool = task.pool[keep]
    validation, pool = pool[:200], pool[200:]
    task.labels[validation] = truth[validation]
    task.source[validation] = 1
    task = dataclasses.replace(task, validation=validation, pool=pool)
    fitted = fit(task, make_run(Gear.FEATURES))
    p = torch.softmax(fitted.logits(task.features, pool), dim=1).sum(dim=0)
    counts = np.bincount(truth[validation], minlength=10) + 1
    assert p.numpy() == pytest.approx(counts / counts.sum() * len(pool), rel=0.02)


def test_a_forbidden_class_moves_no_prototype_and_an_absent_one_is_never_answered(digits, make_run):
    task, truth = digits(200)
    task = dataclasses.replace(task, labelled=task.labelled[truth[task.labelled] != 7])
    task.forbidden[task.pool[truth[task.pool] == 3], 8] = True
    fitted = fit(task, make_run(Gear.FEATURES))
    assert 7 not in fitted.logits(task.features, task.pool).argmax(1).tolist()


def test_no_row_outside_the_task_is_read(digits, make_run):
    task, _ = digits(80)
    unused, task = task.pool[:200], dataclasses.replace(task, pool=task.pool[200:])
    poisoned = task.features.array.copy()
    poisoned[unused] = np.nan
    bad = dataclasses.replace(task, features=type(task.features)(poisoned))
    one = fit(task, make_run(Gear.FEATURES, "clean"))
    other = fit(bad, make_run(Gear.FEATURES, "poisoned"))
    rows = np.concatenate([task.labelled, task.pool, task.validation])
    assert torch.equal(one.logits(task.features, rows), other.logits(bad.features, rows))


def test_it_is_the_same_after_saving(digits, make_run, tmp_path):
    task, truth = digits(100)
    fitted = fit(task, make_run(Gear.FEATURES))
    fitted.save(tmp_path / "predictor")
    loaded = PrototypesPredictor.load(tmp_path / "predictor")
    rows = np.arange(1797)
    assert torch.equal(loaded.logits(task.features, rows), fitted.logits(task.features, rows))
    assert accuracy(loaded, task, truth, task.pool) > 0.75
