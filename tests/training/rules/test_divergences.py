"""Divergences of predictions, against numbers of their definitions and finite differences."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from sslapp.training.rules.divergences import entropy, kl_divergence, squared_error
from sslapp.training.rules.losses import allowed_probabilities

FORBIDDEN = torch.tensor([[False] * 3, [True, False, False], [False, True, True]])


def drawn(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, 3, generator=generator, dtype=torch.float64)


def test_the_squared_error_is_a_mean_over_classes():
    half, one = torch.tensor([[0.5, 0.5]]), torch.tensor([[1.0, 0.0]])
    assert squared_error(half, one).tolist() == [0.25]


def test_the_divergence_of_a_half_from_an_even_chance_more():
    p = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    logits = torch.tensor([[1.0, 0.0]], dtype=torch.float64)  # .7311
    nothing = torch.zeros(1, 2, dtype=torch.bool)
    assert kl_divergence(p, logits, nothing).item() == pytest.approx(0.1201145, abs=1e-7)


def test_the_entropy_of_ten_equal_classes():
    nothing = torch.zeros(1, 10, dtype=torch.bool)
    assert entropy(torch.zeros(1, 10), nothing).item() == pytest.approx(2.302585, abs=1e-6)


def test_what_is_ruled_out_has_no_part_in_it():
    logits = torch.zeros(3, 3, dtype=torch.float64)
    assert entropy(logits, FORBIDDEN).tolist() == pytest.approx([math.log(3), math.log(2), 0])
    p = allowed_probabilities(drawn(1), FORBIDDEN)
    assert torch.all(kl_divergence(p, drawn(2), FORBIDDEN)[:2] > 0)
    assert kl_divergence(p, drawn(1), FORBIDDEN).abs().max() < 1e-15


@pytest.mark.parametrize("loss", ["entropy", "divergence"])
def test_gradients_are_those_of_finite_differences_and_0_where_ruled_out(loss):
    p = allowed_probabilities(drawn(1), FORBIDDEN)

    def value(logits):
        return (
            entropy(logits, FORBIDDEN) if loss == "entropy" else kl_divergence(p, logits, FORBIDDEN)
        )

    logits = drawn(2).requires_grad_()
    assert gradcheck(value, logits)
    (gradient,) = torch.autograd.grad(value(logits).sum(), logits)
    assert not gradient[FORBIDDEN].any()
    assert gradient[0].all()
