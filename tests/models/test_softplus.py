"""models.softplus: log(1 + exp(x)) and its derivative."""

import math

import pytest
import torch
from torch.nn import functional

from models.softplus import softplus


@pytest.mark.parametrize("x", [-700.0, -20.0, -1.0, 0.0, 1e-9, 0.5, 3.0, 20.0, 700.0])
def test_values_against_the_definition(x: float) -> None:
    wanted = math.log1p(math.exp(-abs(x))) + max(x, 0.0)
    found = softplus(torch.tensor([x], dtype=torch.float64))
    assert found.item() == pytest.approx(wanted, rel=1e-12, abs=2.3e-16)


def test_in_float32_it_is_within_a_rounding_of_the_definition() -> None:
    x = torch.linspace(-120, 120, 100_001)
    exact = torch.log1p(torch.exp(-x.double().abs())) + x.double().clamp(min=0)
    error = (softplus(x) - exact).abs() / exact.clamp(min=1)
    assert float(error.max()) < 1.2e-7 + 2**-24


def test_in_a_short_format_it_is_within_its_rounding_of_the_definition() -> None:
    x = torch.linspace(-14, 14, 9_999).bfloat16()
    found = softplus(x)
    assert found.dtype == torch.bfloat16
    exact = functional.softplus(x.double())
    assert float(((found - exact).abs() - 2e-7).div(exact).max()) <= 2**-8


def test_the_derivative_against_finite_differences() -> None:
    x = torch.linspace(-30, 30, 21, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(softplus, (x,))


def test_the_derivative_far_out_is_that_of_the_line_or_nothing() -> None:
    x = torch.tensor([-1000.0, 0.0, 1000.0], requires_grad=True)
    softplus(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 0.5, 1.0]
