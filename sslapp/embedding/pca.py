"""Principal components from batches, so that no more than one batch is held in memory."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

FIT_ROWS = 20_000
"""More rows than this change the leading components of image sets by less than they matter."""

_EXACT_WIDTH = 1024
_SPARE = 32
_ITERATIONS = 10


@dataclass(frozen=True)
class Components:
    """The leading principal components of some rows.

    Attributes:
        mean: (D,) float64.
        axes: (K, D) float64, orthonormal, by falling variance; in each the entry that is largest
            in absolute value is positive.
        variances: (K,) float64 along the axes.
        total: the variance over all D axes.
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    variances: NDArray[np.float64]
    total: float

    def project(self, rows: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return (n, K) float32 coordinates of (n, D) rows."""
        axes = self.axes.astype(np.float32)
        return (rows.astype(np.float32) - self.mean.astype(np.float32)) @ axes.T


def fit(batches: Iterable[NDArray[np.floating]], most: int) -> Components:
    """Find the `most` leading components (fewer if D is smaller) of the rows in `batches`.

    Mean and scatter are merged batch by batch in float64 (Chan, Golub and LeVeque, "Updating
    Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979), which keeps digits
    that a sum of squares would lose.

    Args:
        batches: non-empty (n, D) arrays.
        most: K, at least 1.

    Raises:
        ValueError: when there is no row at all.
    """
    count, mean, scatter = 0, np.zeros(0), np.zeros((0, 0))
    for batch in batches:
        rows = batch.astype(np.float64)
        centre = rows.mean(axis=0)
        if count == 0:
            mean, scatter = np.zeros_like(centre), np.zeros((len(centre), len(centre)))
        added = len(rows)
        shift = centre - mean
        centred = (rows - centre).astype(np.float32)  # centred, float32 holds enough digits
        scatter += centred.T @ centred  # (D, n) @ (n, D) -> (D, D)
        scatter += np.outer(shift, shift) * (count * added / (count + added))
        mean = mean + shift * (added / (count + added))
        count += added
    if count == 0:
        raise ValueError("Principal components need at least one row; none was given.")
    covariance = scatter / count
    # thin factorisations gain nothing from threads, and on a busy machine lose a factor of 20
    with threadpool_limits(limits=1, user_api="blas"):
        variances, axes = _leading(covariance, min(most, len(covariance)))
    return Components(mean, axes * _signs(axes), variances, float(np.trace(covariance)))


def sample_rows(rows: NDArray[np.int64], seed: int, most: int = FIT_ROWS) -> NDArray[np.int64]:
    """Return `rows` ascending, or a random `most` of them when there are more."""
    if len(rows) <= most:
        return np.sort(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def _leading(
    covariance: NDArray[np.float64], kept: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (K,) eigenvalues by falling size and their (K, D) eigenvectors."""
    width = len(covariance)
    if width <= _EXACT_WIDTH:
        basis, small = np.eye(width), covariance
    else:
        # Subspace iteration (Halko, Martinsson and Tropp, 2011, algorithm 4.4): a full
        # decomposition of a 3072 x 3072 covariance took 20 s, this takes a second.
        start = np.random.default_rng(0).standard_normal((width, kept + _SPARE))
        basis = np.linalg.qr(start)[0]  # (D, K + spare)
        for _ in range(_ITERATIONS):
            basis = np.linalg.qr(covariance @ basis)[0]
        small = basis.T @ covariance @ basis
    from scipy import linalg

    last = len(small) - 1
    values, vectors = linalg.eigh(small, subset_by_index=(last + 1 - kept, last))
    return np.maximum(values[::-1], 0.0), (basis @ vectors).T[::-1]


def _signs(axes: NDArray[np.float64]) -> NDArray[np.float64]:
    # an eigenvector's sign is arbitrary; a map that flips between two runs confuses its reader
    largest = np.abs(axes).argmax(axis=1)
    return np.where(axes[np.arange(len(axes)), largest] < 0, -1.0, 1.0)[:, None]
