"""Features made more Gaussian and brought to length 1, as distances to prototypes want them
(PT-MAP: Hu, Gripon and Pateux, "Leveraging the Feature Distribution in Transfer-based Few-Shot
Learning", ICANN 2021, section 3.1): signed square root, centring, perhaps whitening.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from sslapp.training.task import Features, Indices

COMPONENTS = 64
"""Principal components that are kept when features are whitened, at most."""

ROWS_A_COMPONENT = 60
"""Rows that a whitened component needs: with fewer the last ones are noise, blown up."""

CHUNK = 65_536
"""Rows that are prepared at once."""


class Preparation(NamedTuple):
    """How features are made ready: x -> unit(W (sqrt(x) - mean)).

    Attributes:
        mean: (D,) float64 of the square roots.
        basis: (K, D) float64 whitening components; K = 0 keeps all D as they are.
    """

    mean: Tensor
    basis: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Prepare (n, D) float features. Returns (n, D) or (n, K) float64 of length 1."""
        x = _root(x) - self.mean
        if len(self.basis):
            x = x @ self.basis.T
        return x / x.norm(dim=1, keepdim=True).clamp(min=1e-12)

    def rows(self, source: Features, rows: Indices) -> Tensor:
        """Prepare (n,) rows of a source. Returns (n, D) or (n, K) float32: n may be large."""
        parts = [self(source.take(chunk).flatten(1)).float() for chunk in _chunks(rows)]
        return torch.cat(parts) if parts else self(torch.zeros(0, source.shape[1])).float()


def fit_preparation(source: Features, rows: Indices, *, whiten: bool) -> Preparation:
    """Fit the preparation to some rows, labelled and unlabelled ones alike.

    Args:
        source: (N, D) features.
        rows: (n,) rows to learn from.
        whiten: keep COMPONENTS principal components, each brought to variance 1; at most a
            quarter of D, and one for ROWS_A_COMPONENT rows.
    """
    dim = source.shape[1]
    total, square = torch.zeros(dim).double(), torch.zeros(dim, dim if whiten else 0).double()
    for chunk in _chunks(rows):
        x = _root(source.take(chunk).flatten(1))
        total += x.sum(dim=0)
        if whiten:
            square += x.T @ x
    mean = total / len(rows)
    if not whiten:
        return Preparation(mean, torch.zeros(0, dim, dtype=torch.float64))
    covariance = square / len(rows) - torch.outer(mean, mean)
    values, vectors = torch.linalg.eigh(covariance)  # ascending
    # the last directions of a narrow space are noise too
    kept = min(COMPONENTS, max(dim // 4, 1), max(len(rows) // ROWS_A_COMPONENT, 1))
    values, vectors = values[-kept:].clamp(min=1e-12), vectors[:, -kept:]
    # an eigenvector's sign is arbitrary; distances do not see it
    return Preparation(mean, (vectors / values.sqrt()).T.contiguous())


def _root(x: Tensor) -> Tensor:
    x = x.double()
    return torch.sign(x) * x.abs().sqrt()


def _chunks(rows: Indices) -> list[Indices]:
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
