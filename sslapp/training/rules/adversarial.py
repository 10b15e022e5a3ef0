"""The direction in which a small step changes a prediction most (Miyato et al., "Virtual
Adversarial Training", TPAMI 2018).

By the second derivative of d -> KL(p(u) || p(u + d)) at 0, where value and gradient are 0: one
power iteration is a gradient at a small step xi d, made unit length.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Divergence = Callable[[Tensor], Tensor]
"""(n, ...) images -> (n,) divergences from the prediction for the images as they are."""


def direction(
    divergence: Divergence, images: Tensor, start: Tensor, *, xi: float, iterations: int
) -> Tensor:
    """(n, ...) unit directions; no gradient flows to weights, nor through them.

    Args:
        divergence: of moved images.
        images: (n, ...) as they are.
        start: (n, ...) drawn directions, of any length.
        xi: step at which the gradient is taken. The gradient is differences of probabilities of
            the order of xi, so xi far below the rounding of float32 finds rounding.
        iterations: of the power method, 1 or more.
    """
    d = unit(start)
    with torch.enable_grad():
        for _ in range(iterations):
            d = d.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(divergence(images + xi * d).sum(), d)
            d = unit(gradient)
    return d.detach()


def unit(vectors: Tensor) -> Tensor:
    """Each of (n, ...) divided by its length; a vector of zeros stays one."""
    shape = (-1,) + (1,) * (vectors.ndim - 1)
    # by the largest entry first: squares of tiny gradients underflow in float32
    largest = vectors.flatten(1).abs().amax(dim=1).view(shape)
    scaled = vectors / torch.where(largest > 0, largest, 1)
    length = scaled.flatten(1).norm(dim=1).view(shape)
    return scaled / torch.where(length > 0, length, 1)
