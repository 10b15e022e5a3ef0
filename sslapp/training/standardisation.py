"""Features on one scale: what is subtracted from each of them and what it is divided by."""

from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from sslapp.training.task import Features, Indices

ROWS = 4096
"""Rows of features that are read at once."""

SMALLEST = 1e-6
"""Deviation that no feature's is taken to be below, so that a constant one stays finite."""

SMALLEST_SHARE = 0.01
"""Of the features' mean variance, which no feature's variance is taken to be below in pieces."""


class Standardisation(NamedTuple):
    """x -> (x - mean) / std.

    Attributes:
        mean: (D,).
        std: (D,), positive.
    """

    mean: Tensor
    std: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Standardise (n, D) features."""
        return (x - self.mean) / self.std

    def to(self, device: torch.device) -> Self:
        """Itself on a device."""
        return self._replace(mean=self.mean.to(device), std=self.std.to(device))


def fit(x: Tensor) -> Standardisation:
    """The mean and deviation of (n, D) float64 features, n > 0; deviations are at least 1e-6."""
    return Standardisation(x.mean(dim=0), x.std(dim=0, correction=0).clamp(min=SMALLEST))


def fit_in_pieces(features: Features, rows: Indices, *, length: float) -> Standardisation:
    """The mean and deviation of some rows, such that standardised vectors have about a length.

    Rows are read in pieces and summed in float64, around the first piece's mean, so that an offset
    costs no digits.

    Args:
        features: (N, D).
        rows: (n,) rows, n > 0.
        length: root mean square of the standardised vectors' lengths.

    Returns:
        float32 on the CPU.
    """
    ascending, dim = np.sort(rows), features.shape[1]
    centre = features.take(ascending[:ROWS]).double().mean(dim=0)
    total = torch.zeros(2, dim, dtype=torch.float64)
    for start in range(0, len(rows), ROWS):
        part = features.take(ascending[start : start + ROWS]).double() - centre
        total[0] += part.sum(dim=0)
        total[1] += part.square().sum(dim=0)
    shift, square = total / len(rows)
    variance = (square - shift.square()).clamp(min=0)
    # what hardly varies among clean images may vary in their views and would outweigh the rest
    smallest = max(SMALLEST_SHARE * float(variance.mean()), 1e-12)
    deviation = torch.sqrt(variance.clamp(min=smallest))
    return Standardisation((centre + shift).float(), (deviation * (dim**0.5 / length)).float())
