"""What a training may not depend on: kills, order of rows, rows of others; and what it must do."""

import dataclasses

import numpy as np
import pytest
import safetensors.torch
import torch

from sslapp import durable
from sslapp.jobs.host_memory import freed_memory_kept
from sslapp.methods.fixmatch.method import FixMatch, FixMatchConfig
from sslapp.training.run import Stopped

CONFIG = FixMatchConfig(steps=20, batch_size=6, unlabelled_ratio=2, tau=0.5)
BRIEF = CONFIG.model_copy(update={"steps": 8})
"""Of a run in bfloat16, which takes four times as long on a processor without it."""
FORBIDDEN = ((0, 1), (5, 2))
"""What is ruled out in the usual task: row of the pool, class."""


def weights(task, run, config=CONFIG):
    return FixMatch(config).fit(task, run).state


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def stop_after(polls):
    left = iter(range(polls))
    return lambda: next(left, None) is None


@pytest.fixture(scope="module")
def known():
    """What undisturbed runs ended with, by their dtype."""
    return {}


@pytest.fixture
def undisturbed(known, stripes, make_run):
    """A function: the weights after a run of the usual task without kills and checkpoints."""

    def end(dtype=torch.float32):
        if dtype not in known:
            run = make_run("undisturbed", dtype=dtype, checkpoint_seconds=1e9)
            known[dtype] = weights(stripes(forbidden=FORBIDDEN), run, of(dtype))
        return known[dtype]

    return end


def of(dtype):
    """The training of that dtype."""
    return BRIEF if dtype == torch.bfloat16 else CONFIG


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "polls"),
    [(torch.bfloat16, 5), (torch.float32, 1), (torch.float32, 13), (torch.float32, 19)],
)
def test_a_killed_run_ends_like_an_undisturbed_one(undisturbed, stripes, make_run, dtype, polls):
    task = stripes(forbidden=FORBIDDEN)
    killed = make_run("killed", dtype=dtype, checkpoint_seconds=0, should_stop=stop_after(polls))
    with pytest.raises(Stopped):
        weights(task, killed, of(dtype))
    reports = []
    again = make_run(
        "again",
        dtype=dtype,
        after=("killed",),
        report=lambda step, total, metrics: reports.append(step),
    )
    assert same(weights(task, again, of(dtype)), undisturbed(dtype))
    assert reports[0] == polls + 1, "it continued and did not start over"
    assert reports[-1] == of(dtype).steps


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_what_the_worker_does_with_freed_memory_changes_no_bit(
    undisturbed, stripes, make_run, dtype
):
    with freed_memory_kept():
        run = make_run("kept", dtype=dtype)
        kept = weights(stripes(forbidden=FORBIDDEN), run, of(dtype))
    assert same(kept, undisturbed(dtype))


@pytest.mark.slow
def test_a_run_killed_inside_a_checkpoint_still_ends_the_same(undisturbed, stripes, make_run):
    task = stripes(forbidden=FORBIDDEN)

    def fail(step, total, metrics):
        if step == 12:
            raise KeyboardInterrupt

    for name, after in (("killed", ()), ("killed-again", ("killed",))):
        with pytest.raises(KeyboardInterrupt):
            weights(task, make_run(name, report=fail, after=after, checkpoint_seconds=0))
    again = make_run("again", after=("killed", "killed-again"))
    assert same(weights(task, again), undisturbed())


@pytest.mark.slow
def test_a_run_with_a_damaged_checkpoint_ends_like_an_undisturbed_one(
    undisturbed, stripes, make_run, tmp_path
):
    task = stripes(forbidden=FORBIDDEN)
    with pytest.raises(Stopped):
        weights(task, make_run("killed", checkpoint_seconds=0, should_stop=stop_after(13)))
    (newest,) = durable.find_named(tmp_path / "killed" / "train", "checkpoint-13", ".safetensors")
    newest.write_bytes(newest.read_bytes()[:-1])
    reports = []
    again = make_run(
        "again",
        after=("killed",),
        report=lambda step, total, metrics: reports.append(step),
    )
    assert same(weights(task, again), undisturbed())
    assert reports == list(range(13, 21))


@pytest.mark.slow
def test_a_checkpoint_without_a_tensor_of_the_training_is_passed_over(
    undisturbed, stripes, make_run, tmp_path
):
    task = stripes(forbidden=FORBIDDEN)
    with pytest.raises(Stopped):
        weights(task, make_run("killed", checkpoint_seconds=0, should_stop=stop_after(13)))
    folder = tmp_path / "killed" / "train"
    (newest,) = durable.find_named(folder, "checkpoint-13", ".safetensors")
    tensors = safetensors.torch.load_file(newest)
    lost = min(name for name in tensors if name.startswith("ema."))
    del tensors[lost]
    newest.unlink()
    durable.write_named(folder, "checkpoint-13", ".safetensors", safetensors.torch.save(tensors))
    said = []
    again = make_run("again", after=("killed",), say=said.append)
    assert same(weights(task, again), undisturbed())
    assert f"it lacks {lost}" in said[0]


@pytest.mark.slow
def test_checkpoints_have_no_influence(undisturbed, stripes, make_run):
    task = stripes(forbidden=FORBIDDEN)
    assert same(weights(task, make_run("often", checkpoint_seconds=0)), undisturbed())


@pytest.mark.slow
def test_the_seed_has_an_influence(undisturbed, stripes, make_run):
    task = stripes(forbidden=FORBIDDEN)
    assert not same(weights(task, make_run("other", seed=8)), undisturbed())


@pytest.mark.slow
def test_rows_outside_the_task_are_never_read(undisturbed, stripes, make_run):
    plain = stripes(forbidden=FORBIDDEN)
    used = np.concatenate([plain.labelled, plain.pool, plain.validation])
    unused = np.setdiff1d(np.arange(60), used)
    assert len(unused)

    def poison(images):
        images[unused] = 255

    poisoned = stripes(change=poison, forbidden=FORBIDDEN)
    poisoned.labels[unused] = 2
    poisoned.forbidden[unused] = True
    poisoned.source[unused] = 1
    assert same(weights(poisoned, make_run("poisoned")), undisturbed())


@pytest.mark.slow
def test_the_labels_of_the_pool_and_the_holdout_have_no_influence(undisturbed, stripes, make_run):
    task = stripes(forbidden=FORBIDDEN)
    task.labels[task.pool] = 0
    task.labels[task.validation] = 0
    assert same(weights(task, make_run("after")), undisturbed())


@pytest.mark.slow
def test_the_order_of_rows_has_no_influence(stripes, make_run):
    task = stripes(accepted=[1, 2])
    turned = dataclasses.replace(
        task, labelled=task.labelled[::-1].copy(), pool=task.pool[::-1].copy()
    )
    assert same(weights(task, make_run("a")), weights(turned, make_run("b")))


def test_a_pool_row_without_a_class_is_refused(stripes, make_run):
    task = stripes(forbidden=[(3, 0), (3, 1), (3, 2)])
    with pytest.raises(ValueError, match=f"row {task.pool[3]} of the pool has no class left"):
        weights(task, make_run())


def test_a_task_without_labels_is_refused(stripes, make_run):
    task = dataclasses.replace(stripes(), labelled=np.zeros(0, dtype=np.int64))
    with pytest.raises(ValueError, match="no image has a label"):
        weights(task, make_run())


@pytest.mark.slow
def test_an_empty_pool_trains_on_the_labelled_images(stripes, make_run):
    task = dataclasses.replace(stripes(), pool=np.zeros(0, dtype=np.int64))
    assert all(bool(value.isfinite().all()) for value in weights(task, make_run()).values())


@pytest.mark.slow
def test_reports_carry_losses_and_holdout_accuracy_and_a_finished_run_is_not_repeated(
    stripes, make_run
):
    reports = {}
    run = make_run(
        "finished", report=lambda step, total, metrics: reports.update({step: dict(metrics)})
    )
    predictor = FixMatch(CONFIG).fit(stripes(), run)
    assert list(reports) == list(range(1, 21))
    assert {"loss", "labelled loss", "unlabelled loss", "mask rate"} <= reports[1].keys()
    task = stripes()
    right = predictor.logits(task.pixels, task.validation).argmax(1).numpy()
    accuracy = float((right == task.labels[task.validation]).mean())
    assert reports[20]["holdout accuracy"] == accuracy
    again = make_run("again", after=("finished",), should_stop=lambda: True)
    assert same(weights(task, again), predictor.state)
