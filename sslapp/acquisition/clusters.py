"""Clusters of an embedding: what spreads a batch of picks over different kinds of image."""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans, MiniBatchKMeans
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from sslapp.acquisition.state import Positions
from sslapp.embedding import pca

FIT_ROWS = 20_000
MOST_DIMENSIONS = 64
SHORTLIST = 10
"""Images considered for each pick."""
_FEW_CLUSTERS = 50


def compact(features: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Return (n, D) features reduced to at most 64 principal components.

    k-means in 1280 dimensions takes twenty times as long and finds much the same clusters.
    """
    if features.shape[1] <= MOST_DIMENSIONS:
        return np.ascontiguousarray(features, dtype=np.float32)
    rows = pca.sample_rows(np.arange(len(features), dtype=np.int64), seed)
    components = pca.fit((features[part] for part in np.array_split(rows, 8) if len(part)), 64)
    return components.project(features)


def cluster(points: NDArray[np.float32], count: int, seed: int) -> NDArray[np.int64]:
    """Assign (n, D) points to at most `count` k-means clusters; return (n,) cluster numbers.

    The centres are found on at most 20,000 of the points; every point goes to its nearest centre.
    """
    count = min(count, len(points))
    if count <= 1:
        return np.zeros(len(points), dtype=np.int64)
    rows = pca.sample_rows(np.arange(len(points), dtype=np.int64), seed, FIT_ROWS)
    count = min(count, len(np.unique(points[rows], axis=0)))  # k-means cannot part duplicates
    state = int(np.random.default_rng(seed).integers(2**31 - 1))
    if count <= _FEW_CLUSTERS:
        means = KMeans(count, n_init=1, random_state=state)
    else:
        means = MiniBatchKMeans(count, batch_size=4096, n_init=1, random_state=state)
    # OpenMP threads add their partial sums in any order; with one the result is repeatable
    with threadpool_limits(limits=1, user_api="openmp"):
        means.fit(points[rows])
        return means.predict(np.ascontiguousarray(points)).astype(np.int64)


def spread(
    features: NDArray[np.float32], ranked: Positions, count: int, seed: int
) -> NDArray[np.int64]:
    """Choose images that are wanted and unlike each other.

    Those that are wanted most are often alike, so the shortlist is clustered and each cluster gives
    one, after Citovsky et al., "Batch Active Learning at Scale", NeurIPS 2021.

    Args:
        features: (N, D) of all images.
        ranked: (n,) positions, most wanted first; n >= count.
        count: how many are chosen.

    Returns:
        (count,) places in `ranked`, ascending: of each cluster of the shortlist the first.
    """
    points = compact(features[ranked[: SHORTLIST * count]], seed)
    first = np.unique(cluster(points, count, seed), return_index=True)[1]
    rest = np.setdiff1d(np.arange(len(points)), first)
    return np.sort(np.concatenate([first, rest])[:count])
