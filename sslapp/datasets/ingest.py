"""Turns an image source into what a project keeps: pixels, originals and one row an image.

Files are decoded on a few threads in small batches, so memory holds a handful of batches whatever
the size of the set, and the result does not depend on the number of threads.
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sslapp.datasets.held import Equal, Held, HeldAs
from sslapp.datasets.imported_rows import ImportedRows, Row
from sslapp.datasets.source import ImageSource, Item, Refusal, SetAside
from sslapp.imaging.decode import pixel_sha256
from sslapp.imaging.fit import fit
from sslapp.imaging.frames import frame_count
from sslapp.imaging.intensities import OF_THE_IMAGE, IntensityMapping
from sslapp.imaging.originals import OriginalsWriter
from sslapp.imaging.pixels import PixelWriter
from sslapp.imaging.refused import RefusedFile
from sslapp.imaging.thumbnails import png_bytes
from sslapp.vocabulary import Aspect

LARGEST_NATIVE = 64
_BATCH_ITEMS = 64
_BATCH_BYTES = 8 * 2**20
_UNDER_WAY_BYTES = 64 * 2**20


class IngestStopped(Exception):
    """The import was asked to stop; nothing of it is visible."""


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """What an import leaves.

    Attributes:
        rows: n images; row i belongs to row i of `pixels`.
        refused: what was not taken in, and why.
        pixels: (n, S, S, C) uint8 .npy file.
        size: S.
        channels: C.
        several: name -> how many images a file holds of which the first was taken.
        here: how many were not taken in because the project has them already.
        held_back: how many the source has put into the quarantine.
        equal: rows whose pixels are those of another row, or of an image of the project.
    """

    rows: ImportedRows
    refused: list[Refusal]
    pixels: Path
    size: int
    channels: int
    several: dict[str, int] = field(default_factory=dict)
    here: int = 0
    held_back: int = 0
    equal: Equal = field(default_factory=Equal)


def ingest(
    source: ImageSource,
    folder: Path,
    *,
    size: int | None = None,
    channels: int | None = None,
    aspect: Aspect = Aspect.PAD,
    intensities: IntensityMapping = OF_THE_IMAGE,
    originals: Path | None = None,
    held: Held | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
    threads: int | None = None,
) -> Ingested:
    """Import every image of `source`; what fails becomes a refusal and the rest goes on.

    Args:
        source: where the images come from.
        folder: where `pixels.npy` is written; it appears only when the import is complete.
        size: S; None keeps the images' own size when all are square, equal and at most 64 pixels,
            else 64.
        channels: 1 or 3; None is 1 when all images are grey, else 3.
        aspect: see imaging.fit.
        intensities: of images with more than 8 bits a sample.
        originals: folder of content-addressed originals, or None to keep none. Files are added
            while the import runs; those of an import that stopped are found again by the next.
        held: what the project has already: of that nothing is taken in twice.
        progress: called as progress(done, total) after each batch.
        should_stop: polled after each batch.
        threads: for decoding; None is the number of cores, at most 8.

    Raises:
        IngestStopped: when `should_stop()` became true.
        ValueError: when not one image could be taken in, and none was there already or held back.
    """
    total = len(source)
    held = held or Held()
    here = held_back = 0
    shape = _Shape(size, channels)
    keeper = OriginalsWriter(originals) if originals is not None else None
    rows = ImportedRows(total)
    refused = list(source.refused)
    several: dict[str, int] = {}
    path = folder / "pixels.npy"
    done = 0

    def work(batch: list[Item | Refusal]) -> list[_Prepared | Refusal | HeldAs]:
        return [
            _prepare(entry, size, channels, aspect, intensities, keeper, held) for entry in batch
        ]

    with PixelWriter(path, total, size or 1, channels or 1) as writer:
        for results in _in_order(source.items(), work, threads or min(8, os.cpu_count() or 1)):
            prepared = [each for each in results if isinstance(each, _Prepared)]
            aside = [each for each in results if isinstance(each, SetAside)]
            refused += [
                each
                for each in results
                if isinstance(each, Refusal) and not isinstance(each, SetAside)
            ]
            here += results.count(HeldAs.HERE) + sum(each.here for each in aside)
            held_back += sum(not each.here for each in aside)
            if prepared:
                shape.admit([each.pixels for each in prepared], writer, _kept(rows, keeper))
                for each in prepared:
                    rows.append(each.row)
                several |= {each.row.name: each.frames for each in prepared if each.frames > 1}
                keep = _kept(rows, keeper, len(rows) - len(prepared))
                writer.append(np.stack([shape.settle(each.pixels, keep) for each in prepared]))
            done += len(results)
            progress(done, total)
            if should_stop():
                raise IngestStopped
        if not rows and not here and not held_back:
            raise ValueError(_nothing(source.name, refused))
        if keeper is not None:
            keeper.finish()
    return Ingested(
        rows=rows,
        refused=refused,
        pixels=path,
        size=writer.size,
        channels=writer.channels,
        several=several,
        here=here,
        held_back=held_back,
        equal=_equal(rows, held),
    )


def _equal(rows: ImportedRows, held: Held) -> Equal:
    """Rows whose pixels are those of an image of the project, or of a row before them."""
    found = Equal()
    firsts = rows.first_alike()
    again = np.flatnonzero(firsts != np.arange(len(rows)))
    for place in range(len(rows)) if held.pixels else map(int, again):
        first = int(firsts[place])
        other = held.pixels.get(rows[place].sha256)
        if other is None and first != place:
            other = rows[first].name
        if other is not None:
            found.add(rows[place].name, other)
    return found


@dataclass(frozen=True, slots=True)
class _Prepared:
    row: Row
    pixels: NDArray[np.uint8]  # (S, S, C), already fitted unless it may stay native
    frames: int  # images in its file


def _prepare(  # noqa: PLR0917
    entry: Item | Refusal,
    size: int | None,
    channels: int | None,
    aspect: Aspect,
    intensities: IntensityMapping,
    keeper: OriginalsWriter | None,
    held: Held,
) -> _Prepared | Refusal | HeldAs:
    if isinstance(entry, Refusal):
        return entry
    if entry.content is not None and held.names:
        known = held.of_file(entry.name, hashlib.sha256(entry.content).hexdigest())
        if known is not HeldAs.NEW:
            return known
    try:
        image = entry.image(intensities)
    except RefusedFile as error:
        return Refusal(entry.name, str(error).removeprefix(f"{entry.name}: "))
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    sha256 = pixel_sha256(image)
    if entry.content is None and held.of_row(entry.name, sha256) is not HeldAs.NEW:
        return HeldAs.HERE
    height, width = image.shape[:2]
    native = width == height <= LARGEST_NATIVE
    own = size or (width if native else LARGEST_NATIVE)
    pixels = fit(image, own, channels or (1 if image.ndim == 2 else 3), aspect)
    original = None
    if keeper is not None:
        original = _keep(entry, image, pixels, keeper)
    row = Row(
        name=entry.name,
        sha256=sha256,
        original=original,
        width=width,
        height=height,
        colour=image.ndim == 3,
        split=entry.split,
        group=entry.group,
        true_class=entry.true_class,
    )
    return _Prepared(row, pixels, frame_count(entry.content or b""))


def _keep(
    entry: Item, image: NDArray[np.uint8], pixels: NDArray[np.uint8], keeper: OriginalsWriter
) -> str | None:
    """The file, or a PNG of an array that the pixels do not hold whole; None where they do."""
    if entry.content is not None:
        return keeper.add(entry.content)
    if np.array_equal(pixels, image.reshape(*image.shape[:2], -1)):
        return None
    return keeper.add(png_bytes(image))


def _kept(
    rows: ImportedRows, keeper: OriginalsWriter | None, start: int = 0
) -> Callable[[NDArray[np.uint8], bool], None]:
    """A function that is shown the pixels of every row from `start` on, in order.

    Told that they are about to be resized, it keeps them as the row's original if it has none.
    """
    numbers = count(start)

    def keep(pixels: NDArray[np.uint8], is_resized: bool) -> None:
        number = next(numbers)
        if is_resized and keeper is not None and not rows.has_original(number):
            rows.keep(number, keeper.add(png_bytes(pixels)))

    return keep


class _Shape:
    """The size and channel count so far (0: not known yet); both grow when an image needs more.

    Growing rewrites the rows written so far instead of decoding again. That gives the same pixels:
    only images kept at their native size are ever resized, and channels are resampled one by one.
    """

    def __init__(self, size: int | None, channels: int | None) -> None:
        self._size = size or 0
        self._channels = channels or 0
        self._fixed_size = size is not None

    def admit(
        self,
        images: list[NDArray[np.uint8]],
        writer: PixelWriter,
        keep: Callable[[NDArray[np.uint8], bool], None],
    ) -> None:
        """Take the images of one batch into account and rewrite `writer` if they need it."""
        sizes = {len(image) for image in images}
        if not self._fixed_size and sizes != {self._size}:
            all_equal = not self._size and len(sizes) == 1
            self._size = sizes.pop() if all_equal else LARGEST_NATIVE
        self._channels = max(self._channels, *(image.shape[2] for image in images))
        if (self._size, self._channels) != (writer.size, writer.channels):
            change = partial(self.settle, keep=keep)
            writer.convert(self._size, self._channels, change)

    def settle(
        self, image: NDArray[np.uint8], keep: Callable[[NDArray[np.uint8], bool], None]
    ) -> NDArray[np.uint8]:
        """Bring an (s, s, c) image to the size and channels so far; `keep` sees it before."""
        keep(image, len(image) != self._size)
        if image.shape == (self._size, self._size, self._channels):
            return image
        return fit(image, self._size, self._channels)


def _in_order(
    entries: Iterator[Item | Refusal],
    work: Callable[[list[Item | Refusal]], list[_Prepared | Refusal | HeldAs]],
    threads: int,
) -> Iterator[list[_Prepared | Refusal | HeldAs]]:
    """Yield work(batch) in order, with at most two batches a thread or 64 MiB under way."""
    waiting: deque[tuple[int, Future[list[_Prepared | Refusal | HeldAs]]]] = deque()
    under_way = 0
    with ThreadPoolExecutor(threads) as pool:
        try:
            for batch, weight in _batches(entries):
                waiting.append((weight, pool.submit(work, batch)))
                under_way += weight
                while waiting and (len(waiting) > 2 * threads or under_way > _UNDER_WAY_BYTES):
                    finished, future = waiting.popleft()
                    under_way -= finished
                    yield future.result()
            while waiting:
                yield waiting.popleft()[1].result()
        finally:
            for _, future in waiting:
                future.cancel()


def _batches(entries: Iterator[Item | Refusal]) -> Iterator[tuple[list[Item | Refusal], int]]:
    """Group entries so that a batch is neither long nor heavy; yield it with its bytes."""
    batch: list[Item | Refusal] = []
    weight = 0
    for entry in entries:
        batch.append(entry)
        if isinstance(entry, Item):
            weight += len(entry.content or b"") + (0 if entry.array is None else entry.array.nbytes)
        if len(batch) >= _BATCH_ITEMS or weight >= _BATCH_BYTES:
            yield batch, weight
            batch, weight = [], 0
    if batch:
        yield batch, weight


def _nothing(name: str, refused: list[Refusal]) -> str:
    if not refused:
        return f"{name}: it holds no images."
    first = refused[0]
    return (
        f"{name}: none of its {len(refused)} files could be taken in. The first: {first.name}: "
        f"{first.reason}"
    )
