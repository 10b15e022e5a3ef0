"""SoftMatch: USB's numbers, the paper's weights by hand, and its state."""

import math

import pytest
import torch
import usb
from threshold_steps import C, assert_goes_on_from_its_state, random_step
from threshold_steps import assert_never_teaches_forbidden_classes as assert_never_forbidden

from sslapp.methods.softmatch.method import (
    SoftMatchConfig,
    SoftMatchObjective,
    gaussian_weights,
    objective,
)
from sslapp.training.rules.alignment.distribution import DistributionAlignment
from sslapp.training.rules.thresholds.gaussian_weights import GaussianWeights

CPU = torch.device("cpu")


def make(momentum=0.5, **options):
    config = SoftMatchConfig(**options)
    weights = gaussian_weights(config, momentum, C, CPU, torch.float64)
    target = torch.full((C,), 1 / C, dtype=torch.float64)
    alignment = DistributionAlignment(target, momentum, from_first=True)
    return SoftMatchObjective(config, weights, alignment)


@pytest.mark.parametrize("per_class", [False, True])
def test_losses_gradients_and_state_are_usbs_step_by_step(per_class):
    name = "softmatch-per-class" if per_class else "softmatch"
    found = make(usb.entry(name)["config"]["ema_p"], variant="usb", per_class=per_class)
    for losses, _, expected in usb.play(found, name):
        usb.close(losses.metrics["unlabelled loss"], expected["unsupervised"])
        rate = sum(expected["mask"]) / len(expected["mask"])
        usb.close(losses.metrics["mask rate"], rate, 1e-6)  # it is reported in float32
        usb.close(found.threshold.mean, expected["state"]["mu"])
        usb.close(found.threshold.variance, expected["state"]["variance"])
        usb.close(found.alignment.average, expected["state"]["p_model"])


def test_the_papers_loss_is_usbs_and_as_much_more_as_is_known():
    paper = make()
    for given, expected, more in zip(
        usb.entry("softmatch")["inputs"]["steps"],
        usb.entry("softmatch")["expected"],
        (0.0033, 0.0263, 0.0461),
        strict=True,
    ):
        logits = {v: torch.tensor(z, dtype=torch.float64) for v, z in given["logits"].items()}
        labels = torch.tensor(usb.entry("softmatch")["inputs"]["labels"])
        losses = paper.losses(random_step(labels=labels, **logits))
        found = losses.metrics["unlabelled loss"].item() - expected["unsupervised"]
        assert found == pytest.approx(more, abs=6e-5)


def weights_of(confidences, **options):
    rule = GaussianWeights(0.0, 2, CPU, dtype=torch.float64, **options)
    c = torch.tensor(confidences, dtype=torch.float64)
    p = torch.stack([c, 1 - c], dim=1)
    return rule, rule.select(p, torch.arange(len(p)))


@pytest.mark.parametrize(("n_sigma", "expected"), [(1.0, math.exp(-0.25)), (2.0, math.exp(-1))])
def test_weights_and_averages_are_the_hand_computed_ones(n_sigma, expected):
    rule, weights = weights_of([0.9, 0.5], n_sigma=n_sigma)
    assert rule.mean.tolist() == pytest.approx([0.7])
    assert rule.variance.tolist() == pytest.approx([0.08]), "unbiased"
    assert weights.tolist() == pytest.approx([1, expected])


@pytest.mark.parametrize(("n_sigma", "expected"), [(1.0, 0.6065307), (2.0, 0.1353353)])
def test_a_deviation_below_the_mean(n_sigma, expected):
    rule = GaussianWeights(0.9, 2, CPU, n_sigma=n_sigma, dtype=torch.float64)
    rule.mean = torch.tensor([0.8], dtype=torch.float64)
    rule.variance = torch.tensor([0.01], dtype=torch.float64)
    p = torch.tensor([[0.7, 0.3], [0.95, 0.05]], dtype=torch.float64)
    assert rule.mask(p).tolist() == pytest.approx([expected, 1], abs=1e-7)


def test_confidences_all_alike_one_image_and_none():
    assert weights_of([0.8, 0.8])[1].tolist() == [1, 1]
    rule, weights = weights_of([0.8])
    assert (rule.mean.item(), rule.variance.item(), weights.tolist()) == (0.8, 1, [1])
    rule, weights = weights_of([])
    assert (rule.mean.item(), rule.variance.item(), weights.tolist()) == (0.5, 1, [])


def test_a_class_that_is_not_seen_stays_where_it_is_but_in_usb():
    for pulled, mean in ((False, [0.8, 0.5]), (True, [0.8, 0.0])):
        rule, _ = weights_of([0.9, 0.7], per_class=True, pull_unseen=pulled)
        assert rule.mean.tolist() == pytest.approx(mean)
        assert rule.variance.tolist() == pytest.approx([0.02, 1])


def test_uniform_alignment_decides_about_weights_alone_and_does_nothing_to_uniform_averages():
    weak = torch.tensor([[0.2, 0.0, 0.1]] * 12, dtype=torch.float64)
    step = random_step(weak=weak)
    found = make()
    found.alignment.average = torch.tensor([0.8, 0.1, 0.1], dtype=torch.float64)
    losses = found.losses(step)
    assert losses.metrics["pseudo_labels"][0] > 0, "aligned it would be class 2"
    assert not losses.metrics["pseudo_labels"][1:].any()
    p = torch.softmax(torch.randn(6, C, dtype=torch.float64), dim=1)
    even = DistributionAlignment(torch.full((C,), 1 / C, dtype=torch.float64), momentum=1.0)
    assert torch.allclose(even(p), p, rtol=1e-12)


def test_forbidden_classes_are_never_taught_and_count_nowhere():
    found = make(lambda_c=0.0)
    assert_never_forbidden(found)
    assert found.alignment.average[0] == 0


@pytest.mark.parametrize("per_class", [False, True])
def test_its_state_goes_on(per_class):
    assert_goes_on_from_its_state(lambda: make(per_class=per_class))


def test_the_options_reach_the_rule(digits):
    task, _ = digits(40)
    made = objective(SoftMatchConfig(steps=500, alignment="none"), task, CPU)
    assert made.alignment is None
    p = torch.full((4, 10), 0.1 / 9)
    p[:, 3] = 0.9
    made.threshold.update(p, torch.arange(4))
    assert made.threshold.mean.tolist() == pytest.approx([0.1 + 0.8 / 50])
    made = objective(SoftMatchConfig(alignment="labelled", per_class=True), task, CPU)
    assert made.alignment is not None and len(made.threshold.mean) == 10
