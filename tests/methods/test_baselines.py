"""Supervised training, the linear probe, label propagation, and the registry."""

import dataclasses

import numpy as np
import pytest
import torch

from sslapp.methods.label_propagation.method import LabelPropagation, LabelPropagationPredictor
from sslapp.methods.supervised.method import Supervised
from sslapp.training.predictor import LinearPredictor
from sslapp.vocabulary import Gear


def fit(method, task, run, **config):
    return method(method.Config(**config)).fit(task, run)


def accuracy(fitted, task, truth, rows):
    return float((fitted.logits(task.features, rows).argmax(1).numpy() == truth[rows]).mean())


def test_the_linear_probe_learns_the_digits(digits, make_run):
    task, truth = digits(200)
    fitted = fit(Supervised, task, make_run(Gear.FEATURES))
    assert accuracy(fitted, task, truth, task.labelled) > 0.99
    assert accuracy(fitted, task, truth, task.pool) > 0.88


def test_the_linear_probe_is_the_same_after_saving(digits, make_run, tmp_path):
    task, _ = digits(50)
    fitted = fit(Supervised, task, make_run(Gear.FEATURES))
    fitted.save(tmp_path / "predictor")
    loaded = LinearPredictor.load(tmp_path / "predictor")
    rows = task.pool[:9]
    assert torch.equal(loaded.logits(task.features, rows), fitted.logits(task.features, rows))


@pytest.mark.parametrize("classes", [(4,), (4, 7), (0, 4, 9)])
def test_classes_without_a_label_are_not_predicted(digits, make_run, classes):
    task, truth = digits(200)
    task = dataclasses.replace(task, labelled=task.labelled[np.isin(truth[task.labelled], classes)])
    for method in (Supervised, LabelPropagation):
        fitted = fit(method, task, make_run(Gear.FEATURES, name=method.__name__))
        predicted = set(fitted.logits(task.features, task.pool).argmax(1).tolist())
        assert predicted <= set(classes)
        labelled = fitted.logits(task.features, task.labelled).argmax(1).numpy()
        assert (labelled == truth[task.labelled]).mean() > 0.95


def test_labels_spread_over_the_digits(digits, make_run):
    task, truth = digits(80)
    fitted = fit(LabelPropagation, task, make_run(Gear.FEATURES))
    assert accuracy(fitted, task, truth, task.pool) > 0.88


def test_labels_spread_to_the_closed_form(digits, make_run):
    # F* = (I - alpha S)^-1 Y with S_ij = A_ij / sqrt(d_i d_j), of which the method takes steps
    task, _ = digits(80)
    task = dataclasses.replace(task, pool=task.pool[:200])
    rows = np.sort(np.concatenate([task.labelled, task.pool, task.validation]))
    x = task.features.array[rows].astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    near = np.argsort(-x @ x.T, axis=1, kind="stable")[:, 1:10]  # the tenth is the image itself
    graph = np.zeros((len(rows), len(rows)))
    np.put_along_axis(graph, near, 1.0, axis=1)
    degree = np.maximum(graph.sum(axis=0), 1e-12)
    degree[graph.sum(axis=0) == 0] = 1.0
    spread = graph / np.sqrt(np.outer(degree, degree))
    given = np.zeros((len(rows), 10))
    known = np.isin(rows, task.labelled)
    given[known, task.labels[rows[known]]] = 1.0
    expected = np.linalg.solve(np.eye(len(rows)) - 0.5 * spread, given)
    expected /= expected.sum(axis=1, keepdims=True)
    fitted = fit(LabelPropagation, task, make_run(Gear.FEATURES), alpha=0.5)
    found = torch.softmax(fitted.logits(task.features, rows), dim=1).numpy()
    assert found == pytest.approx(expected, abs=2e-3)


def test_rows_outside_the_graph_are_answered_by_their_neighbours(digits, make_run):
    task, truth = digits(80)
    test = task.pool[:300]
    task = dataclasses.replace(task, pool=task.pool[300:])
    fitted = fit(LabelPropagation, task, make_run(Gear.FEATURES))
    assert accuracy(fitted, task, truth, test) > 0.86
    mixed = np.concatenate([test[:2], task.pool[:2]])
    scores = fitted.logits(task.features, mixed)
    assert torch.equal(scores[:2], fitted.logits(task.features, test[:2]))
    assert torch.equal(scores[2:], fitted.logits(task.features, task.pool[:2]))


def test_propagation_never_answers_a_forbidden_class(digits, make_run):
    task, _ = digits(80)
    free = fit(LabelPropagation, task, make_run(Gear.FEATURES, "free"))
    favourite = free.logits(task.features, task.pool).argmax(1).numpy()
    task.forbidden[task.pool, favourite] = True
    bound = fit(LabelPropagation, task, make_run(Gear.FEATURES, "bound"))
    p = torch.softmax(bound.logits(task.features, task.pool), dim=1).numpy()
    assert (p[np.arange(len(favourite)), favourite] < 1e-5).all()
    assert p.sum(axis=1) == pytest.approx(np.ones(len(p)), abs=1e-5)


def test_propagation_reads_no_label_of_the_holdout_or_the_pool(digits, make_run):
    task, _ = digits(80)
    before = fit(LabelPropagation, task, make_run(Gear.FEATURES, "before"))
    rows = task.pool
    task.labels[task.pool] = 3
    task.labels[task.validation] = 3
    after = fit(LabelPropagation, task, make_run(Gear.FEATURES, "after"))
    assert torch.equal(before.logits(task.features, rows), after.logits(task.features, rows))


@pytest.mark.parametrize("method", [Supervised, LabelPropagation])
def test_feature_methods_read_no_row_outside_the_task(digits, make_run, method):
    task, _ = digits(80)
    unused, task = task.pool[:200], dataclasses.replace(task, pool=task.pool[200:])
    poisoned = task.features.array.copy()
    poisoned[unused] = np.nan
    bad = dataclasses.replace(task, features=type(task.features)(poisoned))
    one = fit(method, task, make_run(Gear.FEATURES, "clean"))
    other = fit(method, bad, make_run(Gear.FEATURES, "poisoned"))
    rows = np.concatenate([task.labelled, task.pool, task.validation])
    assert torch.equal(one.logits(task.features, rows), other.logits(bad.features, rows))


def test_propagation_is_the_same_after_saving(digits, make_run, tmp_path):
    task, _ = digits(80)
    fitted = fit(LabelPropagation, task, make_run(Gear.FEATURES))
    fitted.save(tmp_path / "predictor")
    loaded = LabelPropagationPredictor.load(tmp_path / "predictor")
    rows = np.arange(1797)
    assert torch.equal(loaded.logits(task.features, rows), fitted.logits(task.features, rows))


def test_a_gear_without_its_data_is_refused_with_the_mend(digits, make_run):
    task, _ = digits(80)
    task = dataclasses.replace(task, features=None)
    with pytest.raises(ValueError, match="embed the images first"):
        fit(LabelPropagation, task, make_run(Gear.FEATURES))
