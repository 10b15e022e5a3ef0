"""The embedding map's coordinates by principal components: instant, linear, repeatable."""

import numpy as np
from numpy.typing import NDArray

from sslapp.embedding import pca

_BATCH = 4096


def pca_projection(features: NDArray[np.floating], seed: int) -> NDArray[np.float32]:
    """Return (N, 2) float32 coordinates of (N, D) features.

    Both axes share one scale, so that distances on the map keep their proportion: 99 % of all
    coordinates lie in [-1, 1]. Above 20,000 images the components are found on a sample of that
    size drawn with `seed`; all images are projected. Without variance every point is the origin.
    """
    count = len(features)
    projection = np.zeros((count, 2), dtype=np.float32)
    if count == 0:
        return projection
    rows = pca.sample_rows(np.arange(count, dtype=np.int64), seed)
    parts = (features[rows[at : at + _BATCH]] for at in range(0, len(rows), _BATCH))
    components = pca.fit(parts, 2)
    for at in range(0, count, _BATCH):
        part = components.project(features[at : at + _BATCH])
        projection[at : at + _BATCH, : part.shape[1]] = part
    return unit_scale(projection)


def unit_scale(projection: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N, 2) coordinates on one scale by which 99 % of them lie in [-1, 1]. N is not 0."""
    spread = float(np.quantile(np.abs(projection), 0.99))
    if spread == 0.0:
        spread = float(np.abs(projection).max())
    return projection / np.float32(spread) if spread > 0 else projection
