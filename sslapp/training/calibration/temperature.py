"""Temperature scaling and what it is judged by (Guo et al., "On Calibration of Modern Neural
Networks", ICML 2017, section 4.2 and eq. 3).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from sslapp.training.calibration.table import BINS, calibration_table

PROFILE = 1.353
"""Half of 1.645 squared: how far a log-likelihood falls to its one-sided 95 % limit."""

SMALLEST, LARGEST = 0.05, 20.0


def fit_temperature(logits: Tensor, labels: Tensor, *, at_least: float = 1.0) -> float:
    """The T in [0.05, 20] that minimises the negative log-likelihood of softmax(logits / T).

    The loss is convex in b = 1 / T, so its derivative, mean of sum_c p_c z_c - z_y, grows with b
    and bisection finds its root. Where a holdout is predicted without a mistake the root lies at
    T = 0: such labels cannot tell how sure to be, and T is held at 1 rather than made smaller.

    Args:
        logits: (n, C) float.
        labels: (n,) int64.
        at_least: where T is held if all are predicted right.
    """
    z = logits.double()
    of_label = z.gather(1, labels[:, None]).squeeze(1)  # (n,)

    def slope(inverse: float) -> float:
        p = torch.softmax(z * inverse, dim=1)
        return float(((p * z).sum(dim=1) - of_label).mean())

    if bool((z.argmax(dim=1) == labels).all()):
        return max(at_least, 1 / _root(slope))
    return 1 / _root(slope)


def upper_temperature(logits: Tensor, labels: Tensor) -> float:
    """The upper end of T's one-sided 95 % profile-likelihood interval, at least 1.

    The largest T in [0.05, 20] with n (NLL(T) - min NLL) <= 1.353, NLL the mean negative
    log-likelihood of softmax(logits / T) (Cox and Hinkley, "Theoretical Statistics", 1974,
    section 9.3). A few held-out labels leave T open by a factor, and too small a T proposes what
    is wrong; too large a one proposes less.

    Args:
        logits: (n, C) float, n > 0.
        labels: (n,) int64.
    """
    z = logits.double()
    of_label = z.gather(1, labels[:, None]).squeeze(1)  # (n,)

    def loss(inverse: float) -> float:
        return float((torch.logsumexp(z * inverse, dim=1) - of_label * inverse).sum())

    best = 1 / fit_temperature(logits, labels, at_least=SMALLEST)
    allowed = loss(best) + PROFILE
    low, high = 1 / LARGEST, best  # the loss is convex: it falls from low to high
    if loss(low) <= allowed:
        return LARGEST
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if loss(middle) > allowed else (low, middle)
    return max(1.0, 1 / high)


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
