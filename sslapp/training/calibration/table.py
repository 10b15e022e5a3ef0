"""Confidence against the truth, in bins: what a reliability diagram draws and the expected
calibration error adds up.

Nothing here needs torch: pages draw these tables in a process that must stay light.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Of the expected calibration error, as in Guo et al., "On Calibration of Modern Neural Networks",
ICML 2017, eq. 3."""

DRAWS = 1000
"""Samples of the bootstrap."""


@dataclass(frozen=True, eq=False)
class CalibrationTable:
    """B bins (edges[b], edges[b + 1]] of confidence.

    Attributes:
        edges: (B + 1,) float64 from 0 to 1.
        counts: (B,) int64 images.
        right: (B,) int64 images that were predicted right.
        confidence: (B,) float64 sums of confidence.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    right: NDArray[np.int64]
    confidence: NDArray[np.float64]

    @property
    def error(self) -> float:
        """The expected calibration error, sum_b n_b / n |accuracy_b - confidence_b|; NaN for
        n = 0."""
        count = int(self.counts.sum())
        return float(np.abs(self.right - self.confidence).sum() / count) if count else float("nan")


def calibration_table(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], bins: int = BINS
) -> CalibrationTable:
    """Sort judged images into bins of equal width.

    Args:
        confidence: (n,) highest probability of each image, in [0, 1].
        right: (n,) bool.
        bins: B.
    """
    sure = np.asarray(confidence, dtype=np.float64)
    place = np.clip(np.ceil(sure * bins) - 1, 0, bins - 1).astype(np.int64)
    return CalibrationTable(
        edges=np.linspace(0, 1, bins + 1),
        counts=np.bincount(place, minlength=bins).astype(np.int64),
        right=np.bincount(place[right], minlength=bins).astype(np.int64),
        confidence=np.bincount(place, weights=sure, minlength=bins).astype(np.float64),
    )


def error_interval(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], alpha: float = 0.05
) -> tuple[float, float]:
    """The two ends of the percentile interval of the expected calibration error by the bootstrap.

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3. The error of a
    few images is above zero even where confidence is exact, so the interval of few is no proof.

    Args:
        confidence: (n,) highest probability of each image, in [0, 1].
        right: (n,) bool.
        alpha: the share of samples that lie outside.

    Returns:
        NaN twice for n = 0. The same images give the same interval.
    """
    if not len(confidence):
        return float("nan"), float("nan")
    rng = np.random.default_rng(len(confidence))
    drawn = rng.integers(0, len(confidence), (DRAWS, len(confidence)))
    errors = [calibration_table(confidence[rows], right[rows]).error for rows in drawn]
    lower, upper = np.quantile(errors, [alpha / 2, 1 - alpha / 2])
    return float(lower), float(upper)
