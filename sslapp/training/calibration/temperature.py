"""Temperature scaling and what it is judged by (Guo et al., "On Calibration of Modern Neural
Networks", ICML 2017, section 4.2 and eq. 3).

The temperature is fitted on the holdout, the only labels drawn at random and seen by no training.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sslapp.training.calibration.table import BINS, calibration_table

LEAST = 30
SMALLEST, LARGEST = 0.05, 20.0


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A temperature and the expected calibration error it leaves.

    Attributes:
        temperature: T; calibrated probabilities are softmax(logits / T).
        calibrated: False where the holdout was too small and T is 1.
        count: holdout labels it rests on.
        ece_before, ece_after: at T = 1 and at T, both on the holdout, so `ece_after` is an
            optimistic figure; NaN for an empty holdout.
    """

    temperature: float
    calibrated: bool
    count: int
    ece_before: float
    ece_after: float


def calibrate(logits: Tensor, labels: Tensor) -> Calibration:
    """Fit a temperature to holdout logits, if there are at least 30 labels.

    Fewer say too little: one confident mistake among twenty would move T by a factor.

    Args:
        logits: (n, C) float32.
        labels: (n,) int64.
    """
    count = len(labels)
    enough = count >= LEAST
    temperature = fit_temperature(logits, labels) if enough else 1.0
    before = expected_calibration_error(torch.softmax(logits.float(), dim=1), labels)
    scaled = torch.softmax(logits.float() / temperature, dim=1)
    return Calibration(
        temperature=temperature,
        calibrated=enough,
        count=count,
        ece_before=before,
        ece_after=expected_calibration_error(scaled, labels),
    )


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T in [0.05, 20] that minimises the negative log-likelihood of softmax(logits / T).

    The loss is convex in b = 1 / T, so its derivative, mean of sum_c p_c z_c - z_y, grows with b
    and bisection finds its root. Where a holdout is predicted without a mistake the root lies at
    T = 0: such labels cannot tell how sure to be, and T is held at 1 rather than made smaller.

    Args:
        logits: (n, C) float.
        labels: (n,) int64.
    """
    z = logits.double()
    of_label = z.gather(1, labels[:, None]).squeeze(1)  # (n,)

    def slope(inverse: float) -> float:
        p = torch.softmax(z * inverse, dim=1)
        return float(((p * z).sum(dim=1) - of_label).mean())

    if bool((z.argmax(dim=1) == labels).all()):
        return max(1.0, 1 / _root(slope))
    return 1 / _root(slope)


def temperature_by_ece(logits: Tensor, labels: Tensor) -> float:
    """The T of a geometric grid of 60 values in [0.02, 2] with the least calibration error.

    Among equals the highest: the more cautious one.

    Args:
        logits: (n, C) float, such as label vectors of a diffusion model.
        labels: (n,) int64, n > 0.
    """
    grid = torch.logspace(math.log10(2.0), math.log10(0.02), 60, dtype=torch.float64).tolist()
    errors = [
        expected_calibration_error(torch.softmax(logits.double() / t, dim=1), labels) for t in grid
    ]
    return float(grid[min(range(len(grid)), key=errors.__getitem__)])


def expected_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """The error of the calibration table of some predictions.

    Args:
        probabilities: (n, C) float.
        labels: (n,) int64.
        bins: number of intervals (i/bins, (i+1)/bins] of the highest probability.

    Returns:
        In [0, 1]; NaN for n = 0.
    """
    confidence, predicted = probabilities.double().max(dim=1)
    right = predicted == labels
    return calibration_table(confidence.numpy(), right.numpy(), bins).error


def _root(slope: Callable[[float], float]) -> float:
    low, high = 1 / LARGEST, 1 / SMALLEST
    if slope(low) >= 0:
        return low
    if slope(high) <= 0:
        return high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return (low + high) / 2
