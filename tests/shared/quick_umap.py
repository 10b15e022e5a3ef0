"""Stands in for the package umap where a test is about what is done with a map."""

from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray


class UMAP:
    """Lays images out by two random directions of their features."""

    embedding_: NDArray[np.float32]

    def __init__(self, *, n_neighbors: int, random_state: int, n_jobs: int) -> None:
        self._seed = random_state

    def fit(self, features: NDArray[np.float32]) -> "UMAP":
        directions = np.random.default_rng(self._seed).normal(size=(features.shape[1], 2))
        self.embedding_ = np.asarray(features @ directions, dtype=np.float32)
        return self


def _keep() -> None:
    """There is nothing compiled to be kept."""


_function = SimpleNamespace(enable_caching=_keep)
umap_ = SimpleNamespace(smooth_knn_dist=_function, compute_membership_strengths=_function)
utils = SimpleNamespace(fast_knn_indices=_function, submatrix=_function)
