"""A network that learns without labels: what it may depend on, and that it learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from lightly.loss import NTXentLoss

from sslapp.training.run import Stopped
from sslapp.training.self_supervised.config import SelfSupervisedConfig, steps
from sslapp.training.self_supervised.simclr import train

CONFIG = SelfSupervisedConfig(steps=12, batch_size=16, learning_rate=0.03)


def learned(task, run, config=CONFIG, **options):
    return train(task, run, config, **options).state


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_the_loss_is_that_of_the_paper() -> None:
    one, other = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[3.0, 0.0], [1.0, 1.0]])
    z = torch.nn.functional.normalize(torch.cat([one, other]), dim=1)
    similar = torch.exp(z @ z.T / 0.2)
    pairs = [(0, 2), (1, 3), (2, 0), (3, 1)]
    expected = [  # equation 1
        -torch.log(similar[i, j] / (similar[i].sum() - similar[i, i])) for i, j in pairs
    ]
    torch.testing.assert_close(NTXentLoss(0.2)(one, other), torch.stack(expected).mean())


@pytest.fixture(scope="module")
def known():
    """What the undisturbed run ended with."""
    return []


@pytest.fixture
def undisturbed(known, stripes, make_run):
    """The weights after a run of the usual task that nobody disturbed."""
    if not known:
        known.append(learned(stripes(), make_run("undisturbed")))
    return known[0]


@pytest.mark.slow
@pytest.mark.parametrize("polls", [1, 7])
def test_a_killed_training_ends_like_an_undisturbed_one(
    stripes, make_run, undisturbed, polls
) -> None:
    left = iter(range(polls))
    killed = make_run("killed", checkpoint_seconds=0, should_stop=lambda: next(left, None) is None)
    with pytest.raises(Stopped):
        learned(stripes(), killed)
    seen = []
    again = make_run("again", after=("killed",), report=lambda step, *_: seen.append(step))
    assert same(learned(stripes(), again), undisturbed)
    assert seen[0] == polls + 1


@pytest.mark.slow
def test_labels_and_images_that_are_not_its_own_change_nothing(
    stripes, make_run, undisturbed
) -> None:
    task = stripes()
    strangers = np.setdiff1d(np.arange(60), np.concatenate([task.labelled, task.pool]))

    def poison(images):
        images[strangers] = 255 - images[strangers]

    other = stripes(change=poison)
    other = replace(other, labels=np.where(other.labels < 0, -1, (other.labels + 1) % 3))
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    drawn = torch.random.get_rng_state()
    assert same(learned(other, make_run("poisoned")), undisturbed)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert not same(learned(task, make_run("seed", seed=8)), undisturbed)


@pytest.mark.slow
def test_what_looks_alike_moves_together(stripes, make_run) -> None:
    losses, looks = [], []
    task = stripes()

    def look(step, total, embed):
        looks.append((step, total, embed(task.pool[:5]).shape[0]))

    def report(step, total, metrics):
        losses.append(metrics["loss"])

    config = SelfSupervisedConfig(steps=60, batch_size=16, learning_rate=0.05, temperature=0.5)
    predictor = train(task, make_run("run", report=report), config, look)
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3
    assert looks == [(step, 60, 5) for step in range(6, 61, 6)]
    features = predictor.embed(task.pixels, task.pool)
    assert features.shape[0] == len(task.pool)


def test_a_batch_needs_images_and_steps_follow_their_number(stripes, make_run) -> None:
    with pytest.raises(ValueError, match=r"batch_size: 64 .* only 48"):
        learned(stripes(), make_run("small"), SelfSupervisedConfig())
    chosen = SelfSupervisedConfig()
    assert [steps(chosen, images) for images in (100, 6_400, 10**6)] == [400, 4000, 10_000]
    assert steps(CONFIG, 10**6) == 12
