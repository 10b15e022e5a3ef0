"""A round's calibration as a module that can be traced, in float64 as it was fitted."""

import math

import torch
from torch import Tensor, nn

from sslapp.training.calibration.scaling import MARGIN, Isotonic, Scaling, Vector

LEAST = math.log(torch.finfo(torch.float32).tiny)
"""Log-probability that none is below, as `scaling.logs` has it."""


class TemperatureModule(nn.Module):
    """softmax(z / T)."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self._temperature = temperature

    def forward(self, logits: Tensor) -> Tensor:
        """Return (n, C) float64 probabilities of (n, C) logits."""
        return torch.softmax(logits.double() / self._temperature, dim=1)


class VectorModule(nn.Module):
    """softmax(w_c log p_c + b_c) of p = softmax(z)."""

    weight: Tensor
    bias: Tensor

    def __init__(self, scaling: Vector) -> None:
        super().__init__()
        self.register_buffer("weight", torch.tensor(scaling.weight, dtype=torch.float64))
        self.register_buffer("bias", torch.tensor(scaling.bias, dtype=torch.float64))

    def forward(self, logits: Tensor) -> Tensor:
        """Return (n, C) float64 probabilities of (n, C) logits."""
        z = torch.log_softmax(logits.double(), dim=1)
        z = z.clamp(min=LEAST)
        return torch.softmax(z * self.weight + self.bias, dim=1)


class IsotonicModule(nn.Module):
    """An isotonic map of the highest probability; the others share what is left in proportion."""

    start: Tensor
    length: Tensor
    rise: Tensor

    def __init__(self, scaling: Isotonic) -> None:
        super().__init__()
        self._temperature = TemperatureModule(scaling.temperature)
        at, to = (torch.tensor(each, dtype=torch.float64) for each in (scaling.at, scaling.to))
        self.register_buffer("start", at[:-1])
        self.register_buffer("length", at[1:] - at[:-1])
        self.register_buffer("rise", (to[1:] - to[:-1]) / (at[1:] - at[:-1]))
        self._first = float(to[0])

    def forward(self, logits: Tensor) -> Tensor:
        """Return (n, C) float64 probabilities of (n, C) logits, C at least 2."""
        p = self._temperature(logits)
        best = p.argmax(dim=1, keepdim=True)  # the first of equals, as NumPy has it
        is_best = torch.arange(logits.shape[1], device=p.device)[None, :] == best
        rest = torch.where(is_best, torch.zeros_like(p), p)
        mass = rest.sum(dim=1, keepdim=True)
        even = torch.ones_like(p) / (logits.shape[1] - 1)
        shares = torch.where(mass > 0, rest / torch.where(mass > 0, mass, 1.0), even)
        shares = torch.where(is_best, torch.zeros_like(p), shares)
        second = shares.amax(dim=1, keepdim=True)
        mapped = self._mapped(p.amax(dim=1, keepdim=True))
        top = torch.maximum(mapped, second / (1 + second) + MARGIN)
        return torch.where(is_best, top, shares * (1 - top))

    def _mapped(self, sure: Tensor) -> Tensor:
        """(n, 1) linear between the corners, constant outside: a sum over the pieces."""
        within = torch.minimum((sure - self.start).clamp(min=0.0), self.length)
        return self._first + (within * self.rise).sum(dim=1, keepdim=True)


def module_of(scaling: Scaling) -> nn.Module:
    """(n, C) logits -> (n, C) float64 calibrated probabilities."""
    if isinstance(scaling, Vector):
        return VectorModule(scaling)
    if isinstance(scaling, Isotonic):
        return IsotonicModule(scaling)
    return TemperatureModule(scaling.temperature)
