"""softplus(x) = log(1 + exp(x)), fast on a CPU too."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def softplus(x: Tensor) -> Tensor:
    """Return log(1 + exp(x)) of any shape, in the number format of x.

    On a CPU as max(x, 0) + log(1 + exp(-|x|)), whose steps are vectorised where log1p is not. Below
    x = -16 that is 0 in float32, an error of at most 1.2e-7; its derivative is right there too.
    """
    if x.device.type != "cpu":
        return functional.softplus(x)
    return _Softplus.apply(x)


class _Softplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.abs().neg_().exp_().add_(1).log_().add_(x.relu())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grads[0] * x.sigmoid()
