"""Diff-SySC: its table, what is moved, when it stops, and that a kill changes nothing."""

import dataclasses

import numpy as np
import pytest
import safetensors.torch
import torch

from sslapp import durable
from sslapp.methods.diff_sysc.config import DiffSySCConfig
from sslapp.methods.diff_sysc.method import (
    DiffSySC,
    IterationState,
    Plan,
    baselines,
    confident,
    plan,
    sure_temperature,
)
from sslapp.methods.diff_sysc.predictor import LabelDiffusionPredictor
from sslapp.training.run import Run, Stopped
from sslapp.vocabulary import Gear

QUICK = {"width": 64, "first_epochs": 20, "later_epochs": 5, "sampling_steps": 4}


@pytest.fixture(scope="module", autouse=True)
def short():
    """A few steps, so that a fit takes a quarter of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sslapp.methods.diff_sysc.method.FIRST_STEPS", 50)
        patch.setattr("sslapp.methods.diff_sysc.method.LATER_STEPS", 30)
        yield


@pytest.fixture(scope="module")
def task(digits):
    """100 labels, a holdout of 60, a pool of 300, and features of a size that networks like.

    The last 20 of the pool have one class left and so stay in it.
    """
    found, truth = digits(100)
    more = found.pool[:40]
    found.labels[more], found.source[more] = truth[more], 1
    found.forbidden[found.pool[320:340], 1:] = True
    return dataclasses.replace(
        found,
        validation=np.concatenate([found.validation, more]),
        pool=found.pool[40:340],
        features=type(found.features)(found.features.array / 16),
    ), truth


EVERY = np.arange(1797)
ALL_THAT_CAN = {"confidence": 1e-6}
"""Options with which all of the pool is moved after the first iteration, but for what stays."""


def fit(task, run, **config):
    return DiffSySC(DiffSySCConfig(**{**QUICK, **config})).fit(task, run)


@pytest.mark.parametrize(
    ("classes", "images", "labels", "expected"),
    [
        (10, 50_000, 250, Plan(0.95, 25, (400, 30, 30, 20))),
        (10, 50_000, 4000, Plan(0.95, 200, (100, 20, 20, 20))),
        (100, 50_000, 2500, Plan(0.6, 25, (300, 400, 450, 500))),
        (100, 50_000, 10_000, Plan(0.7, 200, (300, 400, 450, 500))),
        (10, 105_000, 250, Plan(0.95, 25, (300, 30, 30, 30))),
        (10, 105_000, 1000, Plan(0.95, 25, (200, 30, 20, 20))),
        (2, 1500, 40, Plan(0.95, 25, (400, 30, 30, 20))),
        (2, 60_000, 50_000, Plan(0.95, 200, (100, 20, 20, 20))),
        (60, 3000, 300, Plan(0.6, 25, (300, 400, 450, 500))),
    ],
)
def test_what_is_automatic_is_the_nearest_of_the_papers_settings(classes, images, labels, expected):
    assert plan(DiffSySCConfig(), classes, images, labels) == expected


def test_options_take_the_place_of_the_table():
    config = DiffSySCConfig(
        iterations=6, confidence=0.8, first_epochs=7, later_epochs=3, batch_size=50
    )
    assert plan(config, 10, 50_000, 250) == Plan(0.8, 50, (7, 3, 3, 3, 3, 3))
    assert plan(DiffSySCConfig(iterations=1), 10, 50_000, 250).epochs == (400,)


@pytest.mark.parametrize(
    ("classes", "temperature", "confidence"),
    [
        *[(10, 1, 0.2320), (10, 0.5, 0.4509), (10, 0.2, 0.9428), (10, 0.1, 0.9996)],
        *[(100, 0.25, 0.3555), (100, 0.2, 0.5999), (100, 0.15, 0.8881)],
    ],
)
def test_the_confidence_of_a_perfect_label_vector(classes, temperature, confidence):
    z, rows = torch.eye(classes)[:1], np.array([7])
    free = np.zeros((1, classes), dtype=bool)
    below, above = (
        confident(z, rows, free, temperature, confidence + change)[0].tolist()
        for change in (-1e-4, 1e-4)
    )
    assert (below, above) == ([7], [])


def test_a_boundless_temperature_believes_in_all_classes_alike():
    z, rows = torch.tensor([[3.0, -1.0, 0.0, 0.5]]), np.array([7])
    free = np.zeros((1, 4), dtype=bool)
    just_below, just_above = (
        confident(z, rows, free, 1e9, 1 / 4 + change)[0].tolist() for change in (-1e-8, 1e-8)
    )
    assert (just_below, just_above) == ([7], [])


def test_the_class_does_not_depend_on_the_temperature():
    z = torch.from_numpy(np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32))
    free = np.zeros((200, 5), dtype=bool)
    for temperature in (1e-3, 0.02, 1.0, 50.0):
        rows, classes = confident(z, np.arange(200), free, temperature, 0.0)
        assert rows.tolist() == list(range(200))
        assert classes.tolist() == z.argmax(dim=1).tolist()


def test_a_perfect_label_vector_is_sure():
    for classes in (2, 10, 100):
        z = torch.eye(classes)[:1] / sure_temperature(classes)
        assert torch.softmax(z, dim=1).max().item() == pytest.approx(0.99)


def test_ruled_out_classes_take_no_part_and_a_last_class_is_no_label():
    z = torch.tensor([[1.0, 0.9, 0.0], [1.0, 0.9, 0.0], [1.0, 0.9, 0.0]])
    forbidden = np.array([[False] * 3, [True, False, False], [True, True, False]])
    rows, classes = confident(z, np.array([3, 4, 5]), forbidden, 0.05, 0.95)
    assert (rows.tolist(), classes.tolist()) == ([4], [1])


def test_moving_keeps_every_image_once():
    before = IterationState(0, np.array([1, -1, -1, -1]), np.array([0]), np.array([1, 2, 3]))
    after = before.after(np.array([3, 1]), np.array([0, 1]))
    assert sorted([*after.labelled, *after.pool]) == [0, 1, 2, 3]
    assert after.labels.tolist() == [1, 1, -1, 0]
    assert before.labels.tolist() == [1, -1, -1, -1]
    assert after.iteration == 1


def iterations(task, run, **config):
    """(epochs done, metrics) of every report that ends an iteration."""
    found = []
    run.report = lambda step, total, metrics: (
        found.append((step, total, metrics)) if "moved" in metrics else None
    )
    return fit(task, run, **config), found


@pytest.mark.slow
def test_it_ends_when_nothing_is_moved(task, make_run):
    stays = dataclasses.replace(task[0], pool=task[0].pool[-20:])
    _, found = iterations(stays, make_run(Gear.FEATURES), **ALL_THAT_CAN)
    assert len(found) == 1
    assert found[0][2]["moved"] == 0


@pytest.mark.slow
def test_it_ends_when_the_pool_is_empty(task, make_run):
    few = dataclasses.replace(task[0], pool=task[0].pool[:5])
    _, found = iterations(few, make_run(Gear.FEATURES), **ALL_THAT_CAN)
    assert [each["moved"] for _, _, each in found] == [5]


@pytest.mark.slow
def test_it_ends_after_the_last_iteration_in_which_nothing_is_moved(task, make_run):
    _, found = iterations(task[0], make_run(Gear.FEATURES), iterations=2, **ALL_THAT_CAN)
    assert [step for step, _, _ in found] == [20, 25]
    assert found[0][2]["moved"] > 0
    assert found[1][2]["moved"] == 0
    assert {"linear probe holdout accuracy", "k-NN holdout accuracy"} <= set(found[0][2])


@pytest.mark.slow
def test_no_row_outside_the_task_is_read(task, make_run):
    chosen, _ = task
    unused = chosen.pool[:200]
    chosen = dataclasses.replace(chosen, pool=chosen.pool[200:])
    poisoned = chosen.features.array.copy()
    poisoned[unused] = np.nan
    bad = dataclasses.replace(
        chosen, features=type(chosen.features)(poisoned), labels=chosen.labels.copy()
    )
    bad.labels[unused] = 3
    rows = np.concatenate([chosen.labelled, chosen.pool, chosen.validation])
    one = fit(chosen, make_run(Gear.FEATURES, "clean"), iterations=2)
    other = fit(bad, make_run(Gear.FEATURES, "poisoned"), iterations=2)
    assert torch.equal(one.logits(chosen.features, rows), other.logits(bad.features, rows))


def alone(task, folder, **config):
    """A fit that nobody stops."""
    run = Run(gear=Gear.FEATURES, device=torch.device("cpu"), seed=0, folder=folder)
    return fit(task, run, **config)


@pytest.fixture(scope="module")
def fitted_alone(task, tmp_path_factory):
    """What two iterations that nobody stops end with."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return alone(task[0], folder, iterations=2, **ALL_THAT_CAN)


@pytest.fixture(scope="module")
def undisturbed(task, fitted_alone):
    """(N, 10) logits of a fit of two iterations that nobody stops."""
    return fitted_alone.logits(task[0].features, EVERY)


TRAINABLE = {"iterations": 1, "encoder": "trainable"}


@pytest.fixture(scope="module")
def trainable(task, tmp_path_factory):
    """What a fit with a trainable encoder that nobody stops ends with."""
    return alone(task[0], tmp_path_factory.mktemp("trainable"), **TRAINABLE)


@pytest.mark.slow
def test_the_holdout_measures_and_decides_nothing(task, make_run, undisturbed):
    chosen = dataclasses.replace(task[0], labels=task[0].labels.copy())
    held = chosen.validation
    chosen.labels[held] = np.roll(chosen.labels[held], 1)
    run = make_run(Gear.FEATURES)
    fitted, found = iterations(chosen, run, iterations=2, **ALL_THAT_CAN)
    said = fitted.logits(chosen.features, EVERY)
    assert torch.equal(said, undisturbed)
    right = said[held].argmax(1).numpy() == chosen.labels[held]
    assert found[-1][2]["holdout accuracy"] == pytest.approx(float(right.mean()))
    last = run.stage("iteration-1", lambda _: pytest.fail("was not stored"))
    assert torch.equal(fitted._state["head.weight"], last["state.head.weight"])


@pytest.mark.slow
@pytest.mark.parametrize("stop_after", [19, 63])
def test_a_killed_fit_ends_like_an_undisturbed_one(
    task, make_run, tmp_path, undisturbed, stop_after
):
    chosen = task[0]
    config = {"iterations": 2, **ALL_THAT_CAN}
    asked = iter(range(10**9))
    run = make_run(
        Gear.FEATURES,
        "attempt-1",
        should_stop=lambda: next(asked) >= stop_after,
        checkpoint_seconds=0.0,
    )
    with pytest.raises(Stopped):
        fit(chosen, run, **config)
    again = make_run(Gear.FEATURES, "attempt-2", earlier=(tmp_path / "attempt-1",))
    resumed = fit(chosen, again, **config)
    assert torch.equal(undisturbed, resumed.logits(chosen.features, EVERY))


@pytest.mark.slow
def test_a_checkpoint_without_a_moment_of_adam_is_passed_over(
    task, make_run, tmp_path, undisturbed
):
    chosen, config = task[0], {"iterations": 2, **ALL_THAT_CAN}
    asked = iter(range(10**9))
    run = make_run(
        Gear.FEATURES,
        "attempt-1",
        should_stop=lambda: next(asked) >= 19,
        checkpoint_seconds=0.0,
    )
    with pytest.raises(Stopped):
        fit(chosen, run, **config)
    newest = max((tmp_path / "attempt-1").rglob("checkpoint-*"), key=step_of)
    tensors = safetensors.torch.load_file(newest)
    lost = min(name for name in tensors if name.startswith("adam.exp_avg."))
    del tensors[lost]
    newest.unlink()
    stem = durable.stem_of(newest)
    durable.write_named(newest.parent, stem, newest.suffix, safetensors.torch.save(tensors))
    said = []
    again = make_run(Gear.FEATURES, "attempt-2", earlier=(tmp_path / "attempt-1",), say=said.append)
    resumed = fit(chosen, again, **config)
    assert len(said) == 1 and f"it lacks {lost}" in said[0]
    assert torch.equal(undisturbed, resumed.logits(chosen.features, EVERY))


def step_of(path) -> int:
    return int(durable.stem_of(path).removeprefix("checkpoint-"))


@pytest.mark.slow
@pytest.mark.parametrize("labels", [1, 2, 10])
def test_a_handful_of_labels_is_enough_to_run(digits, make_run, labels):
    few, _ = digits(labels)
    few = dataclasses.replace(few, validation=few.validation[:0], pool=few.pool[:200])
    fitted = fit(few, make_run(Gear.FEATURES), iterations=2)
    assert fitted.logits(few.features, few.pool).isfinite().all()


def test_it_is_the_same_after_saving(task, tmp_path, fitted_alone, undisturbed):
    fitted_alone.save(tmp_path / "predictor")
    loaded = LabelDiffusionPredictor.load(tmp_path / "predictor")
    assert torch.equal(loaded.logits(task[0].features, EVERY), undisturbed)


@pytest.mark.slow
def test_a_trainable_encoder_learns_from_the_images_and_survives_saving(task, tmp_path, trainable):
    chosen, _ = task
    z = trainable.logits(chosen.features, chosen.pool[:50])
    trainable.save(tmp_path / "predictor")
    loaded = LabelDiffusionPredictor.load(tmp_path / "predictor")
    with pytest.raises(ValueError, match="with_pixels"):
        loaded.logits(chosen.features, chosen.pool[:50])
    loaded.with_pixels(chosen.pixels)
    assert torch.equal(loaded.logits(chosen.features, chosen.pool[:50]), z)
    blank = type(chosen.pixels)(np.zeros_like(chosen.pixels.array))
    assert not torch.equal(loaded.with_pixels(blank).logits(chosen.features, chosen.pool[:50]), z)


def test_a_trainable_encoder_needs_images(task, make_run):
    without = dataclasses.replace(task[0], pixels=None)
    with pytest.raises(ValueError, match="Choose the frozen encoder"):
        fit(without, make_run(Gear.FEATURES), encoder="trainable")


@pytest.mark.slow
def test_a_killed_fit_with_a_trainable_encoder_ends_like_an_undisturbed_one(
    task, make_run, tmp_path, trainable
):
    chosen = task[0]
    asked = iter(range(10**9))
    run = make_run(
        Gear.FEATURES,
        "attempt-1",
        should_stop=lambda: next(asked) >= 38,
        checkpoint_seconds=0.0,
    )
    with pytest.raises(Stopped):
        fit(chosen, run, **TRAINABLE)
    again = make_run(Gear.FEATURES, "attempt-2", earlier=(tmp_path / "attempt-1",))
    resumed = fit(chosen, again, **TRAINABLE)
    rows = chosen.pool[:100]
    assert torch.equal(
        trainable.logits(chosen.features, rows), resumed.logits(chosen.features, rows)
    )


@pytest.mark.slow
def test_without_a_holdout_that_is_reported_and_the_last_model_is_returned(task, make_run):
    chosen, _ = task
    run = make_run(Gear.FEATURES)
    alone = dataclasses.replace(chosen, validation=chosen.validation[:0])
    fitted, found = iterations(alone, run, iterations=2, **ALL_THAT_CAN)
    assert [each["holdout labels"] for _, _, each in found] == [0, 0]
    assert not any("holdout accuracy" in each for _, _, each in found)
    last = run.stage("iteration-1", lambda _: pytest.fail("was not stored"))
    assert torch.equal(fitted._state["head.weight"], last["state.head.weight"])


def test_the_baselines_are_those_of_the_same_labels(task):
    found = baselines(task[0])
    assert 0.7 < found["linear probe holdout accuracy"] <= 1
    assert 0.6 < found["k-NN holdout accuracy"] <= 1


@pytest.mark.parametrize(
    ("images", "batch", "dtype"),
    [(1000, 25, torch.float32), (4_999, 100, torch.bfloat16), (60_000, 1200, torch.bfloat16)],
)
def test_the_fast_schedule_takes_the_papers_passes_in_larger_batches(
    make_run, images, batch, dtype
):
    run = make_run(Gear.FEATURES, dtype=torch.bfloat16)
    at = IterationState(2, np.zeros(images, dtype=int), np.arange(images), np.arange(0))
    chosen = Plan(0.95, 25, (400, 30, 30, 20))
    fast, paper = (
        DiffSySC(DiffSySCConfig(schedule=schedule))._training(chosen, at, run)
        for schedule in ("fast", "paper")
    )
    assert fast.passes == paper.passes == 30
    assert (paper.batch, paper.dtype) == (25, torch.float32)
    assert (fast.batch, fast.dtype) == (batch, dtype)
