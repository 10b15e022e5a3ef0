"""Images at the size that an encoder reads, each from its original rather than the small store."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sslapp.imaging.bundles import Bundle
from sslapp.imaging.decode import decode
from sslapp.imaging.fit import Resample, fit
from sslapp.imaging.intensities import OF_THE_IMAGE, IntensityMapping
from sslapp.imaging.originals import original_path
from sslapp.imaging.picture_rows import PictureRows
from sslapp.imaging.refused import MAX_PIXELS
from sslapp.vocabulary import Aspect

MOST_THREADS = 8


class Rows(Protocol):
    """Rows of pixels by position."""

    def image(self, position: int) -> NDArray[np.uint8]:
        """One (H, W, C) uint8 row."""


class OriginalPixels:
    """N images as (N, S, S, C) uint8, read in pieces; only what is asked for is in memory.

    Args:
        folder: of the originals.
        originals: N names of files there, by position; None for an image that `imported` holds
            whole.
        imported: the rows that have no original.
        channels: C.
        side: S.
        intensities: the project's, of images with more than 8 bits a sample.
        aspect, resample: how images become square, see `fit`.
        pictures: where an image is several pictures that are read one by one; a row is then one of
            them, and N their number.
    """

    def __init__(
        self,
        folder: Path,
        originals: Sequence[str | None],
        imported: Rows,
        side: int,
        *,
        channels: int,
        intensities: IntensityMapping = OF_THE_IMAGE,
        aspect: Aspect = Aspect.PAD,
        resample: Resample = "bicubic",
        pictures: PictureRows | None = None,
    ) -> None:
        self._folder = folder
        self._originals = originals
        self._imported = imported
        self.intensities = intensities
        self.aspect, self.resample = aspect, resample
        self._threads = min(MOST_THREADS, os.cpu_count() or 1)
        self.pictures = pictures
        count = len(originals) if pictures is None else pictures.total
        self.shape = (count, side, side, channels)

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return (n, S, S, C) uint8 for the rows in `indices`.

        Raises:
            FileNotFoundError: when an original is gone.
        """
        found = np.empty((len(indices), *self.shape[1:]), dtype=np.uint8)
        with ThreadPoolExecutor(self._threads) as pool:
            for row, image in enumerate(pool.map(self._read, np.asarray(indices).tolist())):
                found[row] = image
        return found

    def _read(self, row: int) -> NDArray[np.uint8]:
        position, part = (row, 0) if self.pictures is None else self.pictures.place(row)
        name = self._originals[position]
        if name is None:
            image = self._imported.image(position)
        elif self.pictures is not None and self.pictures.counts[position] > 1:
            image = _part(original_path(self._folder, name), position, part)
        else:
            content = original_path(self._folder, name).read_bytes()
            image = decode(content, f"image {position}", self.intensities)
        return fit(image, self.shape[1], self.shape[3], self.aspect, self.resample)


def _part(path: Path, position: int, part: int) -> NDArray[np.uint8]:
    """One of the pictures that are an image."""
    from sslapp.imaging.dicom.together import picture_at  # pydicom takes a second to import

    return picture_at(Bundle(path, f"image {position}"), part, MAX_PIXELS)
