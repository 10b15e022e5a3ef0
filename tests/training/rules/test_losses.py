"""Loss terms and thresholds against values computed by hand and finite differences."""

import math

import pytest
import torch

from sslapp.training.rules.losses import (
    allowed_probabilities,
    complementary_loss,
    cross_entropy,
    masked_mean,
    uniform_loss,
)
from sslapp.training.rules.thresholds.confidence import FixedThreshold


def test_a_masked_mean_divides_by_all_or_by_the_selected():
    values = torch.full((4,), math.log(2), dtype=torch.float64)
    mask = torch.tensor([True, True, True, False])
    assert float(masked_mean(values, mask)) == pytest.approx(0.5198604, abs=1e-7)
    assert float(masked_mean(values, mask, "selected")) == pytest.approx(0.6931472, abs=1e-7)


@pytest.mark.parametrize("reduction", ["all", "selected"])
@pytest.mark.parametrize("count", [0, 3])
def test_an_empty_mask_gives_zero_and_a_gradient_of_zero(reduction, count):
    values = torch.ones(count, requires_grad=True)
    loss = masked_mean(values, torch.zeros(count, dtype=torch.bool), reduction)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(values.grad, torch.zeros(count))


def test_the_threshold_selects_confident_rows():
    logits = torch.tensor([[3.0, 0], [4, 0], [0, 5], [1, 0]])
    p = allowed_probabilities(logits, torch.zeros(4, 2, dtype=torch.bool))
    confidence = p.max(dim=1).values
    assert confidence.tolist() == pytest.approx([0.9526, 0.9820, 0.9933, 0.7311], abs=5e-5)
    assert FixedThreshold(0.95).mask(p).tolist() == [True, True, True, False]
    assert p.argmax(dim=1).tolist() == [0, 0, 1, 0]


def test_the_threshold_is_not_rounded_to_bfloat16():
    # 0.9495 lies between bfloat16's 0.9492 (its 0.95) and the true 0.95
    z = math.log(0.9495 / 0.0505)
    p = torch.tensor([[0.9495, 0.0505]])
    assert not FixedThreshold(0.95).mask(p).item()
    assert p.bfloat16().max() >= torch.tensor(0.95, dtype=torch.bfloat16)
    logits = torch.tensor([[z, 0]], dtype=torch.bfloat16)
    forbidden = torch.zeros(1, 2, dtype=torch.bool)
    assert allowed_probabilities(logits, forbidden).dtype == torch.float32
    confident = torch.tensor([[2.96875, 0.0]], dtype=torch.bfloat16)  # exact in bfloat16
    assert FixedThreshold(0.95).mask(allowed_probabilities(confident, forbidden)).item()


def test_forbidden_classes_have_no_probability_and_the_rest_adds_up():
    logits = torch.tensor([[2.0, 1.0, 0.0]])
    forbidden = torch.tensor([[True, False, False]])
    p = allowed_probabilities(logits, forbidden)
    assert p[0, 0] == 0
    assert p[0, 1:].tolist() == torch.softmax(logits[0, 1:], dim=0).tolist()


def test_the_complementary_loss_is_the_log_of_what_is_left():
    logits = torch.tensor([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0], [2.0, 1.0, 0.0]])
    forbidden = torch.tensor([[True, False, False], [True, True, False], [False, False, False]])
    p = torch.softmax(logits[0], dim=0)
    loss = complementary_loss(logits, forbidden)
    assert loss[0].item() == pytest.approx(-math.log(1 - p[0]), abs=1e-6)
    assert loss[1].item() == pytest.approx(-math.log(p[2]), abs=1e-6)
    assert loss[2].item() == 0


def test_the_complementary_loss_survives_certainty():
    logits = torch.tensor([[60.0, 0.0]], requires_grad=True)
    loss = complementary_loss(logits, torch.tensor([[True, False]]))
    loss.sum().backward()
    assert loss.item() == pytest.approx(60, abs=1e-4)
    assert logits.grad.tolist() == [[pytest.approx(1), pytest.approx(-1)]]


def test_the_complementary_gradient_is_the_finite_difference():
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(5, 4, generator=generator)
    forbidden = torch.rand(5, 4, generator=generator) < 0.4
    forbidden[:, 3] = False
    forbidden[0] = False
    logits.requires_grad_()
    complementary_loss(logits, forbidden).sum().backward()
    step = 1e-2
    for row in range(5):
        for column in range(4):
            shifted = logits.detach().double().repeat(2, 1, 1)
            shifted[0, row, column] += step
            shifted[1, row, column] -= step
            p = torch.softmax(shifted, dim=2)
            ruled_out = torch.where(forbidden, p, 0).sum(dim=2)
            up, down = -torch.log(1 - ruled_out).sum(dim=1)
            difference = (up - down) / (2 * step)
            assert logits.grad[row, column].item() == pytest.approx(difference.item(), abs=1e-3)
    assert torch.equal(logits.grad[0], torch.zeros(4)), "nothing forbidden, nothing learnt"


def test_the_uniform_loss_is_at_least_the_log_of_c_and_its_gradient_is_p_minus_u():
    logits = torch.tensor([[0.0, 0, 0, 0], [math.log(5), 0, 0, 0]], requires_grad=True)
    loss = uniform_loss(logits)
    # p of the second row is (5, 1, 1, 1) / 8: -(log 5/8 + 3 log 1/8) / 4 = log 8 - log(5) / 4
    assert loss.tolist() == pytest.approx([math.log(4), math.log(8) - math.log(5) / 4])
    loss.sum().backward()
    assert logits.grad[0].tolist() == pytest.approx([0, 0, 0, 0], abs=1e-7)
    assert logits.grad[1].tolist() == pytest.approx([3 / 8, -1 / 8, -1 / 8, -1 / 8])
    assert torch.allclose(loss, cross_entropy(logits, torch.full((2, 4), 0.25)))
    assert uniform_loss(torch.tensor([[90.0, -90]])).item() == pytest.approx(90)


def test_cross_entropy_takes_classes_and_distributions():
    logits = torch.tensor([[1.0, 2.0], [0.0, 0.5]])
    hard = cross_entropy(logits, torch.tensor([1, 0]))
    soft = cross_entropy(logits, torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    assert torch.allclose(hard, soft)
