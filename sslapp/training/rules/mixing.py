"""Convex combinations of images and of their labels (Zhang et al., "mixup", ICLR 2018), the greater
part always the image's own (Berthelot et al., "MixMatch", NeurIPS 2019, section 3.3)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from sslapp.training.augmentation.pixels import send


@dataclass(frozen=True)
class Mix:
    """Who is mixed with whom in a pool of n.

    Attributes:
        weights: (n,) lambda', at least .5, or (1,) for all alike.
        partners: (n,) int64 numbers in the pool.
    """

    weights: Tensor
    partners: Tensor

    def __call__(self, values: Tensor) -> Tensor:
        """lambda' v + (1 - lambda') v of the partner, for (n, ...) values of a float type."""
        shape = (-1,) + (1,) * (values.ndim - 1)
        weights = self.weights.to(values.device, values.dtype).view(shape)
        return weights * values + (1 - weights) * values[self.partners.to(values.device)]


Drawing = Callable[[int, torch.Generator], Mix]
"""Draws for a pool of n by a generator on the CPU."""


def drawing(alpha: float, device: torch.device, *, per_image: bool) -> Drawing:
    """What draws lambda from Beta(alpha, alpha), as max(lambda, 1 - lambda), and a permutation.

    Args:
        alpha: more than 0.
        device: where the pool lives.
        per_image: a lambda for every image, or one for the pool.
    """
    return partial(_draw, alpha=alpha, device=device, per_image=per_image)


def _draw(
    count: int, generator: torch.Generator, *, alpha: float, device: torch.device, per_image: bool
) -> Mix:
    # torch draws no Beta by a generator of one's own
    rng = np.random.default_rng(generator.initial_seed())
    drawn = torch.from_numpy(rng.beta(alpha, alpha, count if per_image else 1))
    weights = torch.maximum(drawn, 1 - drawn)
    partners = torch.randperm(count, generator=generator)
    return Mix(send(weights, device), send(partners, device))
