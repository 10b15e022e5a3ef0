"""Pseudo-Label: USB's numbers, Lee's ramp, and running statistics that follow labels alone."""

import pytest
import torch
import usb
from objectives import forward
from threshold_steps import B, C, N, random_step
from threshold_steps import assert_never_teaches_forbidden_classes as assert_never_forbidden
from torch import nn

from sslapp.methods.pseudo_label.method import PseudoLabelConfig, PseudoLabelObjective, between
from sslapp.training.objective import LABELLED, NONE_OF_THESE


def test_loss_and_gradients_are_usbs():
    found = PseudoLabelObjective(PseudoLabelConfig(variant="usb"))
    for losses, gradients, expected in usb.play(found, "pseudolabel"):
        usb.close(losses.metrics["labelled loss"], expected["supervised"])
        # step 10 of 100: a quarter of the way through the ramp
        usb.close(losses.metrics["unlabelled loss"], expected["unsupervised"] / 4)
        assert gradients["weak"].any(), "the view that is asked learns"


def test_lees_ramp_is_the_published_one():
    found = [between(each, 100, 600, 3) for each in (0, 100, 350, 600, 900)]
    assert found == [0, 0, 1.5, 3, 3]


@pytest.mark.parametrize(
    ("variant", "expected"), [("paper", [0, 0, 1.5, 3, 3]), ("usb", [0, 0.25, 0.875, 1, 1])]
)
def test_the_weight_rises_over_the_run(variant, expected):
    found = PseudoLabelObjective(PseudoLabelConfig(variant=variant))
    assert [found.alpha(each, 1000) for each in (0, 100, 350, 600, 999)] == pytest.approx(expected)


def test_lee_counts_every_pseudo_label_and_usb_the_confident_ones():
    weak = torch.tensor([[3.0, 0], [4, 0], [0, 5], [1, 0]], dtype=torch.float64)
    given = {LABELLED: weak, "weak": weak, "strong": weak}
    step = random_step(classes=2, number=9, **given)
    for variant, counted in (("paper", [3, 1]), ("usb", [2, 1])):
        losses = PseudoLabelObjective(PseudoLabelConfig(variant=variant)).losses(step)
        assert losses.metrics["pseudo_labels"].tolist() == counted
    asked = PseudoLabelObjective(PseudoLabelConfig(tau=0.97)).losses(step)
    assert asked.metrics["pseudo_labels"].tolist() == [1, 1]


@pytest.mark.parametrize("case", ["no unlabelled images", "before the ramp", "lambda_u is 0"])
def test_without_unlabelled_loss_the_gradient_is_the_supervised_one(case):
    none = case == "no unlabelled images"
    given = {"weak": torch.zeros(0, C, dtype=torch.float64)} if none else {}
    step = random_step(number=0 if case == "before the ramp" else 9, **given)
    lambda_u = 0 if case == "lambda_u is 0" else 1
    PseudoLabelObjective(PseudoLabelConfig(lambda_u=lambda_u)).losses(step).total.backward()
    p = torch.softmax(step.logits[LABELLED].detach(), dim=1)
    expected = (p - nn.functional.one_hot(step.labels, C)) / B
    assert torch.allclose(step.logits[LABELLED].grad, expected, rtol=1e-12)
    assert step.logits["weak"].grad is None or not step.logits["weak"].grad.any()


def test_forbidden_classes_are_never_taught_and_are_told_on_the_weak_view():
    config = PseudoLabelConfig(variant="usb", lambda_c=0.0)
    found = PseudoLabelObjective(config)
    found.alpha = lambda number, total: 1.0
    assert_never_forbidden(found, student="weak")
    forbidden = torch.zeros(N, C, dtype=torch.bool)
    forbidden[0, 2] = True
    step = random_step(forbidden=forbidden)  # at step 0 nothing else teaches the weak view
    PseudoLabelObjective(PseudoLabelConfig()).losses(step).total.backward()
    gradient = step.logits["weak"].grad
    assert gradient[0, 2] > 0 and (gradient[0, :2] < 0).all() and not gradient[1:].any()


def test_running_statistics_follow_images_with_answers_alone():
    network = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, C))
    views = {LABELLED: torch.randn(6, 2), NONE_OF_THESE: torch.randn(2, 2)}
    alone = nn.BatchNorm1d(2)
    alone(torch.cat(list(views.values())))
    weak = 5 + torch.randn(8, 2)
    outputs = forward(PseudoLabelObjective(PseudoLabelConfig()), network, {**views, "weak": weak})
    assert {name: len(each) for name, each in outputs.items()} == {
        LABELLED: 6,
        NONE_OF_THESE: 2,
        "weak": 8,
    }
    assert torch.equal(network[0].running_mean, alone.running_mean)
    by_itself = nn.functional.batch_norm(weak, None, None, training=True)
    assert torch.allclose(outputs["weak"], network[1](by_itself), atol=1e-6)
