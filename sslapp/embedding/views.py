"""Encoded views: weak and strong copies of every image, encoded once for methods that compare them.

The work may take hours, so it is done in chunks, each a file that is durable before the next one
begins. A chunk depends on nothing but its view and its rows: whoever takes the work up again skips
what is there and ends with the same bytes.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from sslapp import durable
from sslapp.embedding.encoder import PixelSource, Progress, ShouldStop, Vectors, batches
from sslapp.embedding.precision import SAME, Precision
from sslapp.imaging.picture_rows import PictureRows

CHUNK = 256
"""Images of one file: the work of a quarter of a minute for a CPU, tens of megabytes in memory."""

MOST_VIEWS = 32
"""Of one kind; more of them were never of use, and each costs as much as an embedding."""

Augment = Callable[[NDArray[np.uint8], str, int], NDArray[np.uint8]]
"""(images (n, S, S, C), view, first row) -> that view of these images, (n, S, S, C)."""


def view_names(weak: int, strong: int) -> list[str]:
    """ "weak-0", ..., "strong-0", ...: what the views are called.

    Raises:
        ValueError: when there is no strong one, or there are too many.
    """
    if not 0 <= weak <= MOST_VIEWS or not 1 <= strong <= MOST_VIEWS:
        raise ValueError(
            f"{weak} weak and {strong} strong views: choose 0 to {MOST_VIEWS} weak and 1 to "
            f"{MOST_VIEWS} strong ones."
        )
    return [f"weak-{each}" for each in range(weak)] + [f"strong-{each}" for each in range(strong)]


class ViewChunks:
    """The chunks of some views, looked up in all attempts' folders and written to the newest.

    Args:
        count: N; rows 0 .. N - 1 are encoded.
        folder: where this attempt writes.
        earlier: folders of earlier attempts; read, never written.
    """

    def __init__(self, count: int, folder: Path, earlier: Sequence[Path] = ()) -> None:
        self.count = count
        self._folder = folder
        self._all = [folder, *earlier]

    def missing(self, names: Sequence[str]) -> list[tuple[str, int, int]]:
        """The chunks nobody has encoded yet, as (view, first row, row after the last)."""
        return [each for name in names for each in self._of(name) if self._find(*each[:2]) is None]

    def write(self, name: str, first: int, vectors: NDArray[np.float32]) -> None:
        """Keep a chunk's (n, D) vectors."""
        durable.write_array(self._path(self._folder, name, first), vectors)

    def join(self, name: str, path: Path) -> None:
        """Write the complete view, (N, D) float32, to the .npy file `path`.

        Raises:
            ValueError: when a chunk is missing.
        """
        found = [self._find(name, first) for _, first, _ in self._of(name)]
        paths = [each for each in found if each is not None]
        if len(paths) < len(found):
            raise ValueError(f"{name}: {len(found) - len(paths)} of its chunks are not encoded.")
        parts = (durable.read_array(each) for each in paths)
        start = next(parts)

        def fill(file: BinaryIO) -> None:
            header = {
                "descr": np.lib.format.dtype_to_descr(start.dtype),
                "fortran_order": False,
                "shape": (self.count, start.shape[1]),
            }
            np.lib.format.write_array_header_1_0(file, header)
            for part in chain([start], parts):
                file.write(part.tobytes())

        durable.write(path, fill)

    def _of(self, name: str) -> list[tuple[str, int, int]]:
        starts = range(0, self.count, CHUNK)
        return [(name, first, min(first + CHUNK, self.count)) for first in starts]

    def _find(self, name: str, first: int) -> Path | None:
        paths = (self._path(folder, name, first) for folder in self._all)
        return next((each for each in paths if each.exists()), None)

    def _path(self, folder: Path, name: str, first: int) -> Path:
        return folder / name / f"{first:09d}.npy"


def encode_views(
    vectors: Vectors,
    pixels: PixelSource,
    chunks: ViewChunks,
    names: Sequence[str],
    augment: Augment,
    *,
    batch: int,
    progress: Progress,
    should_stop: ShouldStop,
    pictures: PictureRows | None = None,
) -> int:
    """Encode the chunks of the views `names` that are missing, and return how many images it took.

    Args:
        vectors: the encoder's map.
        pixels: the images.
        chunks: what is there, and where to write.
        names: as `view_names` calls them.
        augment: makes a view of images, always the same for the same view and rows.
        batch: images that the encoder's map is given at once.
        progress: called as progress(images encoded, images to encode), each view counted.
        should_stop: polled between batches.
        pictures: where images are several pictures, which are then the rows of `pixels`: the
            vector of an image is the mean of its pictures'.

    Raises:
        EncodingStopped: when `should_stop()` became true; complete chunks stay.
    """
    missing = chunks.missing(names)
    total = sum(end - first for _, first, end in missing)
    before = 0
    for name, first, end in missing:
        rows = np.arange(first, end, dtype=np.int64)
        seen = rows if pictures is None else pictures.of_images(rows)
        images = augment(pixels.take(seen), name, int(seen[0]))

        def report(done: int, of: int, before: int = before, count: int = len(rows)) -> None:
            progress(before + done * count // of, total)

        steps = batches(len(images), batch, progress=report, should_stop=should_stop)
        found = np.concatenate([vectors(images[at]) for at in steps])
        chunks.write(name, first, found if pictures is None else pictures.mean(found, rows))
        before += end - first
    return total


def check_same(
    vectors: Vectors,
    pixels: PixelSource,
    features: NDArray[np.generic],
    *,
    precision: Precision = Precision.FLOAT32,
    rows: int = 32,
    pictures: PictureRows | None = None,
) -> None:
    """Check that an encoder still makes the features that views are to stand beside.

    Args:
        vectors: the encoder's map.
        pixels: the images.
        features: (N, D) of the clean images, as they were stored.
        precision: in which both are computed.
        rows: how many images are compared, evenly spread.
        pictures: as of `encode_views`.

    Raises:
        ValueError: when it makes others.
    """
    at = np.unique(np.linspace(0, len(features) - 1, rows).astype(np.int64))
    now = vectors(pixels.take(at if pictures is None else pictures.of_images(at)))
    now = now if pictures is None else pictures.mean(now, at)
    then = features[at].astype(np.float32)
    if now.shape != then.shape or np.linalg.norm(now - then) > SAME[precision] * np.linalg.norm(
        then
    ):
        raise ValueError(
            "The encoder does not make the stored features any more: its weights or its seed are "
            "others. Embed the images again, then encode their views."
        )
