"""Temporal ensembling: its loss, when its targets move, and that a killed run goes on."""

from dataclasses import replace

import pytest
import torch
from objectives import batch_of, step_of
from resuming import ends_the_same

from sslapp.methods.consistency.temporal_ensembling.config import TemporalEnsemblingConfig
from sslapp.methods.consistency.temporal_ensembling.method import (
    TemporalEnsembling,
    TemporalEnsemblingObjective,
)
from sslapp.training.objective import LABELLED
from sslapp.training.rules.ensembling import TemporalEnsemble

CPU = torch.device("cpu")


def objective(unlabelled=4, classes=2, epoch=2, **options):
    config = TemporalEnsemblingConfig(**{"ramp": 0.0, "lambda_u": 1.0, **options})
    ensemble = TemporalEnsemble(unlabelled, classes, config.momentum, CPU, torch.float64)
    return TemporalEnsemblingObjective(config, ensemble, epoch)


def step(weak, number=0, forbidden=None, rows=None):
    weak = torch.as_tensor(weak, dtype=torch.float64)
    logits = {LABELLED: torch.zeros(1, weak.shape[1], dtype=torch.float64), "weak": weak}
    return step_of(logits, batch_of(logits, forbidden=forbidden, rows=rows), number=number)


def loss(chosen, *args, **options):
    return chosen.losses(step(*args, **options)).metrics["unlabelled loss"].item()


def test_the_loss_against_the_third_epochs_target_of_the_oracle():
    chosen = objective(unlabelled=1, epoch=1)
    for number, p in enumerate([(0.8, 0.2), (0.6, 0.4), (0.1, 0.9)]):
        chosen.losses(step(torch.tensor([p]).double().log(), number))
    assert loss(chosen, [[1.0, 0.0]], 3) == pytest.approx(0.122098, abs=1e-6)


def test_in_the_first_epoch_there_is_no_target_and_later_that_of_the_epoch_before():
    chosen = objective(unlabelled=1, epoch=2)
    assert [loss(chosen, [[3.0, 0.0]], number) for number in (0, 1)] == [0, 0]
    assert loss(chosen, [[3.0, 0.0]], 2) == pytest.approx(0, abs=1e-15)
    first = torch.tensor([[3.0, 0.0]]).double().softmax(dim=1)
    now = torch.tensor([[0.0, 3.0]]).double().softmax(dim=1)
    # not yet moved by what step 2 said
    assert loss(chosen, [[0.0, 3.0]], 3) == pytest.approx((now - first).square().mean().item())


def test_images_without_a_target_count_as_0_among_all():
    chosen = objective(unlabelled=2, epoch=1)
    chosen.losses(step([[3.0, 0.0]], rows=torch.tensor([0])))
    alone = objective(unlabelled=2, epoch=9)
    alone.load_state_dict(chosen.state_dict())
    both = loss(alone, [[0.0, 3.0], [0.0, 3.0]], 1)
    assert both == pytest.approx(loss(alone, [[0.0, 3.0]], 1, rows=torch.tensor([0])) / 2)


def test_an_image_is_taken_for_what_was_said_of_it_and_for_nothing_before_that():
    chosen = objective(unlabelled=2, epoch=1)
    first = chosen.losses(step([[0.0, 3.0]], rows=torch.tensor([0])))
    assert first.guesses.weight.tolist() == [0]
    later = chosen.losses(step([[3.0, 0.0], [3.0, 0.0]], 1))
    assert later.guesses.classes[0] == 1
    assert later.guesses.weight.tolist() == [1, 0]
    assert later.metrics["mask rate"] == 0.5
    assert later.metrics["pseudo_labels"].tolist() == [0, 1]


def test_the_gradient_flows_through_what_the_network_says_now_alone():
    chosen = objective(unlabelled=1, epoch=1)
    before = torch.tensor([[3.0, 0.0]], dtype=torch.float64, requires_grad=True)
    chosen.losses(step(before))
    now = torch.tensor([[0.0, 1.0]], dtype=torch.float64, requires_grad=True)
    chosen.losses(step(now, 1)).total.backward()
    assert before.grad is None
    assert now.grad.any()
    assert not chosen.ensemble.average.requires_grad


def test_a_class_that_was_ruled_out_is_no_target():
    forbidden = torch.tensor([[True, False, False]])
    chosen = objective(unlabelled=1, classes=3, epoch=1, lambda_c=0.0)
    chosen.losses(step([[9.0, 0.0, 0.0]]))  # before it was ruled out
    now = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    chosen.losses(step(now, 1, forbidden)).total.backward()
    assert now.grad[0, 0] > 0, "the probability falls"
    assert now.grad[0, 1].item() == pytest.approx(now.grad[0, 2].item())
    assert chosen.ensemble.average[0, 0] < 0.61, "and no more of it is kept"


def test_state_goes_on_where_it_was_left():
    chosen, other = (objective(epoch=3) for _ in range(2))
    drawn = torch.randn(4, 4, 2, generator=torch.Generator().manual_seed(0))
    for number in (0, 1):
        chosen.losses(step(drawn[number], number))
    other.load_state_dict(chosen.state_dict())
    for number in (2, 3):
        assert loss(chosen, drawn[number], number) == loss(other, drawn[number], number)
    assert chosen.ensemble.average.equal(other.ensemble.average)


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_bits(digits, tmp_path):
    task, _ = digits(8)
    task = replace(task, pool=task.pool[:40])
    # 48 images of 16 a step: an epoch of three steps, and the kill falls into the third
    config = TemporalEnsemblingConfig(steps=10, batch_size=4, ramp=0.0)
    method = TemporalEnsembling(config)
    assert ends_the_same(method, task, tmp_path, after=7)
