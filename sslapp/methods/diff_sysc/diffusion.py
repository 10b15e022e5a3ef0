"""Diffusion of label vectors: the forward process, the times of training, and DDIM sampling.

Forward (Ho et al., "Denoising Diffusion Probabilistic Models", NeurIPS 2020, eq. 4), on one-hot
vectors y_0 in R^C:  y_t = sqrt(abar_t) y_0 + sqrt(1 - abar_t) eps.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Schedule = Literal["cosine", "linear"]
Noise = Callable[[Tensor, int], Tensor]
"""(n, C) noisy labels and a time step -> (n, C) predicted noise."""

TIME_STEPS = 1000


def alpha_bars(schedule: Schedule = "cosine", steps: int = TIME_STEPS) -> Tensor:
    """(T,) float64: the share of signal variance left after each step.

    "cosine" is Nichol and Dhariwal's ("Improved Denoising Diffusion Probabilistic Models", ICML
    2021, eq. 17, s = .008, beta at most .999); "linear" goes from 1e-4 to .02 (Ho et al.).
    """
    if schedule == "linear":
        betas = torch.linspace(1e-4, 0.02, steps, dtype=torch.float64)
    else:
        at = torch.arange(steps + 1, dtype=torch.float64) / steps
        curve = torch.cos((at + 0.008) / 1.008 * math.pi / 2) ** 2
        betas = torch.clamp(1 - curve[1:] / curve[:-1], max=0.999)
    return torch.cumprod(1 - betas, dim=0)


def noisy(y: Tensor, noise: Tensor, t: Tensor, bars: Tensor) -> Tensor:
    """y_t for (n, C) labels and noise, (n,) time steps and (T,) bars."""
    bar = bars[t][:, None].to(y.dtype)
    return torch.sqrt(bar) * y + torch.sqrt(1 - bar) * noise


def antithetic_times(
    batches: int, count: int, generator: torch.Generator, steps: int = TIME_STEPS
) -> Tensor:
    """(batches, count) int64 time steps; for every t of a batch T - 1 - t is taken as well."""
    size = (batches, count // 2 + 1)
    half = torch.randint(0, steps, size, generator=generator, device=generator.device)
    return torch.cat([half, steps - 1 - half], dim=1)[:, :count]


def sample(noise: Noise, allowed: Tensor, bars: Tensor, *, steps: int = 10) -> Tensor:
    """DDIM without noise (Song et al., "Denoising Diffusion Implicit Models", ICLR 2021, eq. 12).

    It starts at y_T = 0, so it is a function of the image alone. A class that is ruled out has no
    noise there: what is known to end at 0 stays at 0, and the others are sampled given that.

    Args:
        noise: the denoiser.
        allowed: (n, C) of the dtype of `bars`; 0 for classes that are ruled out, else 1.
        bars: (T,).
        steps: evaluations of the denoiser, at equal distances from 1 on.

    Returns:
        (n, C) of the dtype of `bars`: the labels, one-hot up to the model's doubt.
    """
    stride = len(bars) // steps
    times = [*range(1 + (steps - 1) * stride, 0, -stride)]
    y = torch.zeros_like(allowed)
    for place, t in enumerate(times):
        bar = bars[t]
        earlier = bars[times[place + 1]] if place + 1 < len(times) else bars[0]
        eps = noise(y, t) * allowed
        clean = (y - torch.sqrt(1 - bar) * eps) / torch.sqrt(bar)
        y = torch.sqrt(earlier) * clean + torch.sqrt(1 - earlier) * eps
    return y
