"""The embedding map's coordinates by UMAP (McInnes, Healy and Melville, 2018): near stays near.

What lies together on the map does so in the embedding; unlike on a map of principal components,
distances between groups, and how wide a group is, mean nothing.
"""

from collections.abc import Callable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from sslapp.embedding import pca
from sslapp.embedding.projection import unit_scale

LEAST_IMAGES = 15
"""UMAP's neighbourhood; with fewer images there is no structure to keep."""

_BATCH = 2048

Stage = Callable[[int, int, str], None]
"""Told of each stage before it begins: images placed so far, of how many, and its name."""


def umap_projection(
    features: NDArray[np.generic], seed: int, stage: Stage = lambda *_: None
) -> NDArray[np.float32]:
    """Return (N, 2) float32 coordinates of (N, D) features.

    Both axes share one scale and 99 % of all coordinates lie in [-1, 1]. Above `pca.FIT_ROWS`
    images the map is laid out with a sample of that size drawn with `seed`, and the others are
    placed among them. The same features, seed and versions give the same map, so it runs on one
    thread.

    Args:
        features: which may be memory-mapped: beyond the sample it is read in batches.
        seed: of the sample and of the layout.
        stage: may raise to stop.

    Raises:
        ValueError: for fewer than LEAST_IMAGES images.
    """
    count = len(features)
    if count < LEAST_IMAGES:
        raise ValueError(f"A UMAP map needs at least {LEAST_IMAGES} images; here are {count}.")
    rows = pca.sample_rows(np.arange(count, dtype=np.int64), seed)
    sample = np.asarray(features[rows], dtype=np.float32)  # (n, D)
    projection = np.zeros((count, 2), dtype=np.float32)
    if (sample == sample[0]).all():
        return projection  # one point: UMAP would divide by zero
    stage(0, count, "preparing UMAP")
    import numba
    import umap

    _keep_compiled()
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        stage(0, count, f"laying out {len(rows):,} images")
        fitted = umap.UMAP(
            n_neighbors=min(LEAST_IMAGES, len(rows) - 1), random_state=seed, n_jobs=1
        ).fit(sample)
        projection[rows] = fitted.embedding_
        others = np.setdiff1d(np.arange(count), rows)
        for at in range(0, len(others), _BATCH):
            stage(len(rows) + at, count, "placing the other images")
            part = others[at : at + _BATCH]
            projection[part] = fitted.transform(np.asarray(features[part], dtype=np.float32))
    finally:
        numba.set_num_threads(threads)
    stage(count, count, "saving the map")
    return unit_scale(projection - np.median(projection, axis=0).astype(np.float32))


def _keep_compiled() -> None:
    """Let the next process find on disk what of UMAP is compiled here, for ten seconds.

    numba keeps it beside UMAP's files, or in the home folder where these cannot be written. What
    takes other functions (`nn_descent`) is compiled anew in every process, kept or not.
    """
    from umap import umap_, utils

    kept = (
        *(umap_.smooth_knn_dist, umap_.compute_membership_strengths),
        *(utils.fast_knn_indices, utils.submatrix),
    )
    for each in kept:
        with suppress(RuntimeError):  # neither folder can be written
            each.enable_caching()
