"""Images at another size than the training store's, made from originals once and kept.

They are memory-mapped segments of some hundred images, each named by what it was made of: a killed
making goes on at its next segment, a later import makes those that hold its images, and what was
imported otherwise is never taken for the same. Nothing is lost when the folder is deleted.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sslapp import durable
from sslapp.imaging.pixels import PixelStore

ROWS = 256
"""Images of a segment: 38 MB of colour at 224 pixels a side."""

MADE_BY = 1
"""Changes with the way in which images are made smaller."""


class ResizedImages(Protocol):
    """Images of one size, read in pieces."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, S, S, C)."""

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return (n, S, S, C) uint8 for the rows in `indices`."""


def derive(
    source: ResizedImages,
    made_of: Sequence[str],
    folder: Path,
    *,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> PixelStore:
    """The source's images as a store, of which only what is asked for is ever in memory.

    Args:
        source: N images; those of a segment that is there are not read.
        made_of: N texts that are equal where what an image is made of is.
        folder: where segments lie; several sizes may share it.
        report: called as report(images there, N) before each segment; may raise to stop.

    Raises:
        ValueError: when there are no images.
    """
    count = len(made_of)
    segments = []
    for first in range(0, count, ROWS):
        report(first, count)
        part = made_of[first : first + ROWS]
        path = folder / f"{source.shape[1]}px-{_key(source, part)}.npy"
        if not path.exists():
            rows = np.arange(first, first + len(part), dtype=np.int64)
            durable.write_array(path, source.take(rows))
        segments.append(path)
    return PixelStore(segments)


def _key(source: ResizedImages, part: Sequence[str]) -> str:
    """Of the segment of some images: the same for the same images, size and channels alone."""
    about = [MADE_BY, *source.shape[1:], *part]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]
