"""What an encoder is, and how it is run over the images of a project.

An encoder turns every image of a project into one vector, once, in a job.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sslapp.imaging.fit import Resample
from sslapp.vocabulary import Aspect

Progress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]
Vectors = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""(n, S, S, C) images -> (n, D) vectors, each depending on its own image alone."""


class PixelSource(Protocol):
    """Images of one size, read in pieces; nothing promises that all fit into memory."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, S, S, C)."""

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return (n, S, S, C) uint8 for the rows in `indices`."""


class Encoder(Protocol):
    """A map from images to vectors that is fixed, or fitted without any label."""

    @property
    def name(self) -> str:
        """The name under which `open_encoder` opens it."""

    @property
    def batch(self) -> int:
        """Images that its map is given at once."""

    @property
    def side(self) -> int | None:
        """Pixels a side of the images that it reads best; None for any."""

    @property
    def aspect(self) -> Aspect:
        """How it wants an image that is not square to become so."""

    @property
    def resample(self) -> Resample:
        """By what it wants images to be resized."""

    def fit(
        self,
        pixels: PixelSource,
        rows_to_fit: NDArray[np.int64],
        *,
        seed: int,
        progress: Progress,
        should_stop: ShouldStop,
    ) -> Vectors:
        """Return the map from images like those of `pixels` to vectors.

        Args:
            pixels: the images.
            rows_to_fit: (n,) rows that a fitted encoder may learn from (never test images);
                a pretrained encoder ignores them.
            seed: of whatever is drawn while fitting.
            progress: called as progress(images read, images to read); never without any to read.
            should_stop: polled between batches.

        Raises:
            EncodingStopped: when `should_stop()` became true.
            ValueError: when these images cannot be encoded, with the mend.
        """


class EncodingStopped(Exception):
    """The encoding was asked to stop before it was complete."""


def encode(
    encoder: Encoder,
    pixels: PixelSource,
    rows_to_fit: NDArray[np.int64],
    *,
    seed: int,
    progress: Progress,
    should_stop: ShouldStop,
) -> NDArray[np.float32]:
    """Return (N, D) float32, one vector for every image of `pixels`; N is at least 1.

    Args as `Encoder.fit`; `progress` counts the images read for fitting, then those encoded.

    Raises:
        EncodingStopped: when `should_stop()` became true.
        ValueError: when these images cannot be encoded, with the mend.
    """
    count, read = pixels.shape[0], 0

    def fitting(done: int, total: int) -> None:
        nonlocal read
        read = total
        progress(done, total + count)

    vectors = encoder.fit(pixels, rows_to_fit, seed=seed, progress=fitting, should_stop=should_stop)
    encoded: NDArray[np.float32] | None = None
    for at in batches(
        count,
        encoder.batch,
        progress=lambda done, _: progress(read + done, read + count),
        should_stop=should_stop,
    ):
        part = vectors(pixels.take(at))
        if encoded is None:
            encoded = np.empty((count, part.shape[1]), dtype=np.float32)
        encoded[at] = part
    if encoded is None:
        raise ValueError("There are no images to encode. Import some first.")
    return encoded


def batches(
    count: int, size: int, *, progress: Progress, should_stop: ShouldStop
) -> Iterator[NDArray[np.int64]]:
    """Yield 0..count-1 as consecutive index arrays of at most `size`, reporting after each.

    Raises:
        EncodingStopped: before the next batch, once `should_stop()` is true.
    """
    for start in range(0, count, size):
        if should_stop():
            raise EncodingStopped
        end = min(start + size, count)
        yield np.arange(start, end, dtype=np.int64)
        progress(end, count)
