"""The encoder "pixels": main components of the images themselves.

It needs no weights and takes seconds. For small, aligned images (digits, cell crops) its distances
are useful; for photographs they are not, and a pretrained encoder should be chosen.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslapp.embedding import pca
from sslapp.embedding.encoder import PixelSource, Progress, ShouldStop, Vectors, batches
from sslapp.imaging.fit import Resample
from sslapp.vocabulary import Aspect

MOST_COMPONENTS = 64
VARIANCE_KEPT = 0.95
LARGEST_SIDE = 32  # above it images are averaged down: the covariance has (side^2 C)^2 entries
_BATCH = 1024


@dataclass(frozen=True)
class PixelVectors:
    """Images -> their main components.

    Attributes:
        components: of images averaged down to LARGEST_SIDE, as rows.
        scale: by which components are multiplied.
    """

    components: pca.Components
    scale: np.float32

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, S, S, C) -> (n, K)."""
        return self.components.project(_flat(images)) * self.scale


class PixelsEncoder:
    """Centred pixels on a common scale, turned into principal components.

    One scale for all pixels, not one for each: dividing by each pixel's own deviation would blow
    up the almost constant borders of an image.
    """

    name = "pixels"
    batch = _BATCH
    side = None
    aspect: Aspect = Aspect.PAD
    resample: Resample = "bicubic"

    def fit(
        self,
        pixels: PixelSource,
        rows_to_fit: NDArray[np.int64],
        *,
        seed: int,
        progress: Progress,
        should_stop: ShouldStop,
    ) -> Vectors:
        """Return the map to the fewest D <= 64 components that keep 95 % of the variance.

        The mean square norm of the vectors of the fitted rows is the share of variance kept, so
        at most 1. Only `rows_to_fit` decide mean, scale and components; see Encoder.fit.

        Raises:
            EncodingStopped: when `should_stop()` became true.
            ValueError: when `rows_to_fit` is empty.
        """
        if len(rows_to_fit) == 0:
            raise ValueError(
                'The encoder "pixels" learns from the pool, and the pool is empty. '
                "Import images that are not test images."
            )
        fitted = pca.sample_rows(rows_to_fit, seed)

        def fitting() -> Iterator[NDArray[np.float32]]:
            for at in batches(len(fitted), _BATCH, progress=progress, should_stop=should_stop):
                yield _flat(pixels.take(fitted[at]))

        components = _enough(pca.fit(fitting(), MOST_COMPONENTS))
        scale = np.float32(1.0 / np.sqrt(components.total) if components.total > 0 else 0.0)
        return PixelVectors(components, scale)


def _enough(components: pca.Components) -> pca.Components:
    if components.total == 0:
        kept = 1
    else:
        share = np.cumsum(components.variances) / components.total
        kept = min(int(np.searchsorted(share, VARIANCE_KEPT)) + 1, len(share))
    return pca.Components(
        components.mean, components.axes[:kept], components.variances[:kept], components.total
    )


def _flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, S, S, C) uint8 -> (n, D) float32 in [0, 1], averaged down to LARGEST_SIDE."""
    values: NDArray[np.float32] = images.astype(np.float32) / np.float32(255)
    for axis in (1, 2):
        side = values.shape[axis]
        if side > LARGEST_SIDE:
            edges = np.arange(LARGEST_SIDE + 1) * side // LARGEST_SIDE
            widths = np.diff(edges).astype(np.float32)
            shape = [1] * values.ndim
            shape[axis] = LARGEST_SIDE
            values = np.add.reduceat(values, edges[:-1], axis=axis) / widths.reshape(shape)
    return values.reshape(len(values), -1)
