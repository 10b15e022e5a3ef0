"""Which rows of pictures belong to which image, where an image is several pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PictureRows:
    """N images of M pictures, those of an image one after another.

    Attributes:
        counts: (N,) int64, how many pictures each image has; 1 or more.
    """

    counts: Rows

    @classmethod
    def of(cls, counts: Sequence[int]) -> "PictureRows":
        """Of N images with so many pictures."""
        return cls(np.asarray(counts, dtype=np.int64))

    def first(self, count: int) -> "PictureRows":
        """Those of the first `count` images."""
        return PictureRows(self.counts[:count])

    @cached_property
    def starts(self) -> Rows:
        """(N + 1,) the first row of each image, and M."""
        return np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int64)

    @cached_property
    def owner(self) -> Rows:
        """(M,) the image of each row."""
        return np.repeat(np.arange(len(self.counts), dtype=np.int64), self.counts)

    @property
    def total(self) -> int:
        """M."""
        return int(self.starts[-1])

    def place(self, row: int) -> tuple[int, int]:
        """The image of a row, and which of its pictures the row is."""
        image = int(self.owner[row])
        return image, row - int(self.starts[image])

    def of_images(self, images: Rows) -> Rows:
        """(m,) the rows of some images' pictures, image by image in the order given."""
        counts = self.counts[images]
        begins = np.repeat(self.starts[images] - _before(counts), counts)
        return begins + np.arange(counts.sum(), dtype=np.int64)

    def mean(self, values: NDArray[np.floating], images: Rows) -> NDArray[np.float32]:
        """(n, ...) float32 means over the pictures of each image.

        Args:
            values: (m, ...) one for each row of `of_images(images)`.
        """
        counts = self.counts[images]
        sums = np.add.reduceat(values.astype(np.float64), _before(counts), axis=0)
        return (sums / counts.reshape(-1, *[1] * (values.ndim - 1))).astype(np.float32)


def _before(counts: Rows) -> Rows:
    """How many pictures there are before those of each."""
    return np.cumsum(counts) - counts
