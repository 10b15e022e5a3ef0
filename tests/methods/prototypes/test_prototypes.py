"""Transductive prototypes: the balance, the update, and what they are worth on digits."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sslapp.methods.prototypes.information import Images
from sslapp.methods.prototypes.method import (
    TIM,
    TRANSPORT,
    Algorithm,
    Prototypes,
    PrototypesPredictor,
    balance,
    choose,
    frequency_bounds,
    transport,
)
from sslapp.methods.supervised.method import Supervised
from sslapp.training.calibration.temperature import expected_calibration_error, fit_temperature
from sslapp.vocabulary import Gear


def fit(task, run, **config):
    return Prototypes(Prototypes.Config(**config)).fit(task, run)


def exactly(*shares):
    """Bounds that leave every class its share."""
    return torch.tensor([shares, shares], dtype=torch.float64)


def with_labels(task, truth, rows):
    """The task with these of its labels alone; the other labelled images go to the pool."""
    rest = np.setdiff1d(task.labelled, rows)
    return dataclasses.replace(task, labelled=rows, pool=np.concatenate([task.pool, rest]))


def accuracy(fitted, task, truth, rows):
    return float((fitted.logits(task.features, rows).argmax(1).numpy() == truth[rows]).mean())


@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 40),
    classes=st.integers(2, 6),
)
@settings(max_examples=50, deadline=None)
def test_the_balance_gives_every_class_its_share(seed, rows, classes):
    random = np.random.default_rng(seed)
    scores = torch.from_numpy(random.normal(scale=2.0, size=(rows, classes)))
    shares = torch.from_numpy(random.dirichlet(np.full(classes, 5.0)))
    offset = balance(scores, shares.expand(2, -1), torch.zeros(classes, dtype=torch.float64))
    p = torch.softmax(scores + offset, dim=1)
    assert p.sum(0).numpy() == pytest.approx(shares.numpy() * rows, rel=1e-3)
    assert p.sum(1).numpy() == pytest.approx(np.ones(rows))


def test_two_images_and_two_classes_are_shared_as_worked_out_by_hand():
    # rows prefer class 0 by 1 and 3; equal shares need v with s(1 + v) + s(3 + v) = 1, so v = -2
    scores = torch.tensor([[1.0, 0.0], [3.0, 0.0]], dtype=torch.float64)
    offset = balance(scores, exactly(0.5, 0.5), torch.zeros(2, dtype=torch.float64))
    assert float(offset[0] - offset[1]) == pytest.approx(-2.0, abs=1e-5)


def test_a_class_closed_to_all_takes_nothing_and_one_row_may_have_one_class_only():
    scores = torch.tensor([[0.0, 1.0, -torch.inf], [-torch.inf, 0.0, -torch.inf]]).double()
    offset = balance(scores, exactly(0.5, 0.5, 0.0), torch.zeros(3).double())
    p = torch.softmax(scores + offset, dim=1)
    assert p[:, 2].tolist() == [0.0, 0.0]
    assert p[1, 1] == 1.0
    assert float(p[0, 0]) == pytest.approx(1.0, abs=0.02)  # the column's whole share


@given(seed=st.integers(0, 2**32 - 1), width=st.floats(0.0, 0.3))
@settings(max_examples=50, deadline=None)
def test_a_share_within_its_bounds_is_left_alone_and_another_moves_to_the_bound(seed, width):
    random = np.random.default_rng(seed)
    scores = torch.from_numpy(random.normal(scale=2.0, size=(200, 3)) + random.normal(size=3))
    middle = torch.from_numpy(random.dirichlet(np.full(3, 5.0)))
    bounds = torch.stack([(middle - width).clamp(min=0.0), (middle + width).clamp(max=1.0)])
    offset = balance(scores, bounds, torch.zeros(3, dtype=torch.float64))
    share = torch.softmax(scores + offset, dim=1).mean(dim=0)
    assert (share >= bounds[0] - 1e-3).all()
    assert (share <= bounds[1] + 1e-3).all()
    free = torch.softmax(scores, dim=1).mean(dim=0)
    if ((free >= bounds[0]) & (free <= bounds[1])).all():
        assert offset.abs().max() < 1e-6


def test_the_holdout_bounds_frequencies_by_clopper_and_pearson():
    absent = torch.tensor([False, False, False, True])
    low, high = frequency_bounds(np.array([10, 0, 90, 50]), absent)
    assert low.tolist() == pytest.approx([0.0490047, 0.0, 0.8237774, 0.0], abs=1e-6)
    assert high.tolist() == pytest.approx([0.1762226, 0.0362167, 0.9509953, 0.0], abs=1e-6)


def test_a_prototype_moves_as_worked_out_by_hand(make_run):
    # labels at 0 and 90 degrees, images at 30 and 60; this lambda shares them 3/4 to 1/4, so
    # w_0 = (1, 0) moves half the way to ((1, 0) + 3/4 u_1 + 1/4 u_2) / 2
    near, far = np.sqrt(3) / 2, 0.5
    images = Images(
        labelled=torch.eye(2),
        given=torch.eye(2),
        unlabelled=torch.tensor([[near, far], [far, near]]).float(),
        closed=torch.zeros(2, 2, dtype=torch.bool),
        absent=torch.zeros(2, dtype=torch.bool),
        bounds=exactly(0.5, 0.5).float(),
        sharpness=float(np.log(3) / (2 * (near - far))),
    )
    choice = Algorithm(False, images.sharpness, step=0.5, iterations=1, whiten=False)
    w, offset = transport(torch.eye(2), images, choice, make_run(Gear.FEATURES))
    assert w[0].tolist() == pytest.approx([0.9436298, 0.1478766], abs=1e-6)
    assert w[1].tolist() == pytest.approx([0.1478766, 0.9436298], abs=1e-6)
    assert float(offset[0] - offset[1]) == pytest.approx(0.0, abs=1e-6)


def test_what_is_not_chosen_is_the_algorithm_s_own():
    assert choose(Prototypes.Config(), 500) == TIM
    assert choose(Prototypes.Config(algorithm="transport"), 63) == TRANSPORT
    assert choose(Prototypes.Config(algorithm="transport"), 64) == TRANSPORT._replace(whiten=True)
    chosen = Prototypes.Config(sharpness=9.0, step=0.5, iterations=3, whitening="on")
    assert choose(chosen, 1) == Algorithm(True, 9.0, 0.5, 3, whiten=True)


@pytest.mark.slow
@pytest.mark.parametrize(("labels", "least"), [(10, 0.1), (20, 0.05)])
def test_they_beat_the_linear_probe_on_digits(digits, make_run, labels, least):
    gained = []
    for seed in range(3):
        task, truth = digits(1000, seed)
        by_class = [task.labelled[truth[task.labelled] == c] for c in range(10)]
        rows = np.concatenate([each[: labels // 10] for each in by_class])
        task = with_labels(task, truth, rows)
        probe = Supervised(Supervised.Config()).fit(task, make_run(Gear.FEATURES, f"probe-{seed}"))
        run = make_run(Gear.FEATURES, f"moved-{seed}")
        moved = fit(task, run)
        ours, theirs = (accuracy(each, task, truth, task.pool) for each in (moved, probe))
        gained.append(ours - theirs)
    assert min(gained) > least
    assert np.mean(gained) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["transport", "tim"])
def test_they_beat_the_linear_probe_with_four_labels_a_class(digits, make_run, algorithm):
    task, truth = digits(40)
    probe = Supervised(Supervised.Config()).fit(task, make_run(Gear.FEATURES, "probe"))
    moved = fit(task, make_run(Gear.FEATURES), algorithm=algorithm, frequencies="uniform")
    assert accuracy(moved, task, truth, task.pool) > accuracy(probe, task, truth, task.pool)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["transport", "tim"])
@pytest.mark.parametrize("kept", [1, 3])
def test_it_works_with_a_single_label_and_with_classes_without_one(
    digits, make_run, algorithm, kept
):
    task, truth = digits(200)
    task = dataclasses.replace(task, pool=task.pool[:300])
    rows = np.concatenate([task.labelled[truth[task.labelled] == c][:1] for c in range(kept)])
    task = with_labels(task, truth, rows)
    for frequencies in ("holdout", "uniform", "free"):
        run = make_run(Gear.FEATURES, frequencies)
        logits = fit(task, run, algorithm=algorithm, frequencies=frequencies).logits(
            task.features, np.concatenate([task.pool, task.labelled])
        )
        assert torch.isfinite(logits).all()
        assert set(logits.argmax(1).tolist()) == set(range(kept))


@pytest.mark.parametrize("algorithm", ["transport", "tim"])
def test_without_a_pool_the_labels_alone_decide(digits, make_run, algorithm):
    task, truth = digits(60)
    task = dataclasses.replace(task, pool=task.pool[:0])
    fitted = fit(task, make_run(Gear.FEATURES), algorithm=algorithm, frequencies="uniform")
    assert accuracy(fitted, task, truth, task.labelled) > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["transport", "tim"])
def test_an_image_whose_classes_are_all_ruled_out_moves_nothing(digits, make_run, algorithm):
    task, truth = digits(200)
    task = dataclasses.replace(task, labelled=task.labelled[truth[task.labelled] < 9])
    bare, rest = task.pool[:40], task.pool[40:600]
    task = dataclasses.replace(task, pool=task.pool[:600])
    without = dataclasses.replace(task, pool=rest)
    task.forbidden[bare, :9] = True
    options = {"algorithm": algorithm, "whitening": "off", "frequencies": "uniform"}
    one = fit(task, make_run(Gear.FEATURES, "with"), **options)
    other = fit(without, make_run(Gear.FEATURES, "without"), **options)
    rows = np.concatenate([task.labelled, rest])
    # the preparation sees those images; the prototypes do not
    same = one.logits(task.features, rows).argmax(1) == other.logits(task.features, rows).argmax(1)
    assert same.float().mean() > 0.97


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["transport", "tim"])
def test_what_readers_ruled_out_teaches_the_rest(digits, make_run, algorithm):
    task, truth = digits(20, 1)
    options = {"algorithm": algorithm, "frequencies": "uniform"}
    before = fit(task, make_run(Gear.FEATURES, "before"), **options)
    task = dataclasses.replace(task, pool=task.pool[:800])
    told, rest = task.pool[:400], task.pool[400:]
    answers = before.logits(task.features, told).argmax(1).numpy()
    wrong = answers != truth[told]
    task.forbidden[told[wrong], answers[wrong]] = True
    after = fit(task, make_run(Gear.FEATURES, "after"), **options)
    assert accuracy(after, task, truth, rest) > accuracy(before, task, truth, rest)


def test_shares_that_the_holdout_contradicts_move_to_what_it_allows(digits, make_run):
    task, truth = digits(60)
    keep = np.isin(truth[task.pool], (0, 1)) | (np.arange(len(task.pool)) % 8 == 0)
    pool = task.pool[keep]
    validation, pool = pool[:200], pool[200:]
    task.labels[validation] = truth[validation]
    task.source[validation] = 1
    task = dataclasses.replace(task, validation=validation, pool=pool)
    fitted = fit(task, make_run(Gear.FEATURES), algorithm="transport")
    share = torch.softmax(fitted.logits(task.features, pool), dim=1).mean(dim=0)
    counts = np.bincount(truth[validation], minlength=10)
    low, high = frequency_bounds(counts, torch.zeros(10, dtype=torch.bool))
    assert (share > low - 0.01).all()
    assert (share < high + 0.01).all()


@pytest.mark.parametrize("algorithm", ["transport", "tim"])
def test_the_holdout_s_temperature_calibrates_the_rest(digits, make_run, algorithm):
    task, truth = digits(100)
    validation, pool = task.pool[:100], task.pool[100:]
    fitted = fit(dataclasses.replace(task, pool=pool), make_run(Gear.FEATURES), algorithm=algorithm)
    held_out, rest = (fitted.logits(task.features, rows) for rows in (validation, pool))
    temperature = fit_temperature(held_out, torch.from_numpy(truth[validation]))
    raw, scaled = (
        expected_calibration_error(torch.softmax(rest / t, dim=1), torch.from_numpy(truth[pool]))
        for t in (1.0, temperature)
    )
    assert scaled < max(raw, 0.05)


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
