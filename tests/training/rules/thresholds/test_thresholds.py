"""Threshold rules, alignment and fairness against values computed by hand."""

import math

import pytest
import torch

from sslapp.training.rules.alignment.distribution import DistributionAlignment, frequencies
from sslapp.training.rules.losses import fairness
from sslapp.training.rules.thresholds.confidence import (
    FixedThreshold,
    FlexibleThreshold,
    SelfAdaptiveThreshold,
)

CPU = torch.device("cpu")


def confident(classes, num_classes, confidence=0.96):
    rest = (1 - confidence) / (num_classes - 1)
    p = torch.full((len(classes), num_classes), rest)
    p[torch.arange(len(classes)), torch.tensor(classes)] = confidence
    return p


def counted(counts, unlabelled, *, warm_up=True):
    rule = FlexibleThreshold(0.95, len(counts), unlabelled, CPU, warm_up=warm_up)
    classes = [c for c, count in enumerate(counts) for _ in range(count)]
    if classes:
        rule.update(confident(classes, len(counts)), torch.arange(len(classes)))
    return rule


@pytest.mark.parametrize(
    ("counts", "warm_up", "beta", "limits"),
    [
        ((4, 2, 0), True, (1, 0.5, 0), (0.95, 0.3166667, 0)),
        ((3, 1, 0), True, (0.5, 0.1666667, 0), (0.3166667, 0.0863636, 0)),
        ((3, 1, 0), False, (1, 0.3333333, 0), (0.95, 0.19, 0)),
        ((0, 0, 0), True, (0, 0, 0), (0, 0, 0)),
    ],
)
def test_flexmatchs_thresholds_are_the_hand_computed_ones(counts, warm_up, beta, limits):
    rule = counted(counts, 10, warm_up=warm_up)
    assert rule.beta.tolist() == pytest.approx(beta, abs=1e-6)
    assert rule.limits().tolist() == pytest.approx(limits, abs=1e-6)


def test_flexmatch_masks_before_it_learns_and_uses_every_image_at_the_start():
    rule = FlexibleThreshold(0.95, 2, 4, CPU)
    p = torch.tensor([[0.97, 0.03], [0.97, 0.03], [0.97, 0.03], [0.6, 0.4]])
    assert rule.select(p, torch.arange(4)).tolist() == [True] * 4
    # class 0 has won 3 of 4 by now: beta = 1, threshold .95
    assert rule.limits().tolist() == pytest.approx([0.95, 0])
    assert rule.remembered.tolist() == [0, 0, 0, -1]
    assert rule.select(p, torch.arange(4)).tolist() == [True, True, True, False]


def test_flexmatch_learns_by_tau_alone_and_forgets_nothing():
    rule = counted((4, 2, 0), 10)
    before = rule.remembered.clone()
    rule.update(confident([2, 2], 3, confidence=0.94), torch.tensor([0, 9]))
    assert torch.equal(rule.remembered, before), "above its own threshold but below tau"
    rule.update(confident([2], 3), torch.tensor([0]))
    assert rule.remembered[0] == 2, "an image that changes its class counts for the new one"
    empty = torch.zeros(0, 3)
    assert rule.select(empty, torch.arange(0)).tolist() == []


def test_flexmatch_keeps_its_thresholds_once_one_class_has_everything():
    rule = counted((4, 2), 6)
    beta = rule.beta.clone()
    rule.update(confident([0] * 6, 2), torch.arange(6))
    assert torch.equal(rule.beta, beta)


def test_an_image_twice_in_a_batch_counts_once():
    rule = FlexibleThreshold(0.95, 3, 4, CPU)
    rule.update(confident([2, 1], 3), torch.tensor([3, 3]))
    assert rule.remembered.tolist() == [-1, -1, -1, 2]


def adapted():
    rule = SelfAdaptiveThreshold(0.9, 2, CPU)
    rule.update(torch.tensor([[0.9, 0.1], [0.6, 0.4]]), torch.arange(2))
    return rule


@pytest.mark.parametrize("make", [lambda: counted((4, 2, 0), 10), adapted])
def test_the_state_survives_save_and_load(make):
    rule = make()
    other = make()
    other.update(confident([1], len(rule.limits())), torch.tensor([9]))
    assert not torch.equal(other.limits(), rule.limits())
    other.load_state_dict({k: v.clone() for k, v in rule.state_dict().items()})
    assert torch.equal(other.limits(), rule.limits())
    for each in (rule, other):
        each.update(confident([0], len(rule.limits())), torch.tensor([8]))
    assert torch.equal(other.limits(), rule.limits())


def test_freematchs_averages_are_the_hand_computed_ones():
    rule = adapted()
    assert rule.tau.item() == pytest.approx(0.525, abs=1e-6)
    assert rule.share.tolist() == pytest.approx([0.525, 0.475], abs=1e-6)
    assert rule.predicted.tolist() == pytest.approx([0.55, 0.45], abs=1e-6)
    assert rule.limits().tolist() == pytest.approx([0.525, 0.475], abs=1e-6)


def test_freematchs_fairness_is_the_hand_computed_one():
    strong = torch.tensor([[0.8, 0.2], [0.3, 0.7]], dtype=torch.float64)
    rule = adapted()
    share, predicted = rule.share.double(), rule.predicted.double()
    loss = fairness(strong, torch.tensor([True, True]), share, predicted)
    assert loss.item() == pytest.approx(-0.7032143, abs=1e-6)


def test_fairness_at_uniform_frequencies_is_minus_ln_c_without_a_gradient():
    p = torch.full((10, 10), 0.01, dtype=torch.float64)
    p[torch.arange(10), torch.arange(10)] = 0.91
    p.requires_grad_()
    uniform = torch.full((10,), 0.1, dtype=torch.float64)
    loss = fairness(p, torch.ones(10, dtype=torch.bool), uniform, uniform)
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(10), abs=1e-6)
    assert p.grad.abs().max() < 1e-9


def test_the_gradient_of_fairness_by_the_log_ratios_is_a_minus_b():
    """The sign as published: descent raises the ratios that are above their share already."""
    share = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    predicted = torch.tensor([0.4, 0.4, 0.2], dtype=torch.float64)
    hard = torch.eye(3, dtype=torch.float64)[torch.tensor([0, 0, 1, 2])] * 0.4 + 0.2
    hbar = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)
    log_r = (hard.mean(dim=0) / hbar).log().requires_grad_()
    # p is moved such that its mean gives the ratios exp(log_r)
    p = hard + (log_r.exp() * hbar - hard.mean(dim=0))
    loss = fairness(p, torch.ones(4, dtype=torch.bool), share, predicted)
    loss.backward()
    a = share / predicted / (share / predicted).sum()
    b = (log_r.exp() / log_r.exp().sum()).detach()
    assert log_r.grad.tolist() == pytest.approx((a - b).tolist(), abs=1e-9)


def test_fairness_of_an_empty_mask_is_zero_without_nan():
    p = torch.tensor([[0.8, 0.2]], requires_grad=True)
    half = torch.tensor([0.5, 0.5])
    loss = fairness(p, torch.tensor([False]), half, half)
    loss.backward()
    assert loss.item() == 0 and p.grad.tolist() == [[0, 0]]


def test_alignment_is_the_hand_computed_one():
    align = DistributionAlignment(torch.tensor([0.8, 0.2]), momentum=1.0)
    assert align(torch.tensor([[0.6, 0.4]]))[0].tolist() == pytest.approx(
        [0.8571429, 0.1428571], abs=1e-5
    )


def test_the_first_alignment_with_equal_classes_changes_nothing():
    align = DistributionAlignment(torch.full((3,), 1 / 3), momentum=1.0)
    p = torch.tensor([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]])
    assert torch.allclose(align(p), p, atol=1e-6)


def test_alignment_follows_the_predictions_and_keeps_zeros():
    align = DistributionAlignment(torch.full((2,), 0.5), momentum=0.9)
    for _ in range(200):
        aligned = align(torch.tensor([[0.9, 0.1], [1.0, 0.0]]))
    assert align.average.tolist() == pytest.approx([0.95, 0.05], abs=1e-5)
    assert aligned[0, 0].item() == pytest.approx((0.9 / 0.95) / (0.9 / 0.95 + 2), abs=1e-4)
    assert aligned[1].tolist() == [1, 0]
    other = DistributionAlignment(torch.full((2,), 0.5), momentum=0.9)
    other.load_state_dict(align.state_dict())
    assert torch.equal(other.average, align.average)


def test_the_target_is_the_labels_or_equal(stripes):
    task = stripes()
    assert frequencies("uniform", task, CPU).tolist() == pytest.approx([1 / 3] * 3)
    counts = [int((task.labels[task.labelled] == c).sum()) + 1 for c in range(3)]
    expected = [count / sum(counts) for count in counts]
    assert frequencies("labelled", task, CPU).tolist() == pytest.approx(expected)


def test_fixed_thresholds_have_no_state():
    assert FixedThreshold(0.5).state_dict() == {}
