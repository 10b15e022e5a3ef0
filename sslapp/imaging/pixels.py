"""The pixel store: all images of a project at one size, as memory-mapped .npy segments.

Each import writes one segment; the store reads them as one array, so positions only grow and no
import rewrites another's file. Nothing here holds more than a few blocks of rows in memory.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sslapp import durable

_BLOCK = 1024


class PixelWriter:
    """Writes one segment, (n, S, S, C) uint8 with n <= count; visible only once it is complete.

    A context manager: leaving it normally makes the file durable and gives it its name; leaving it
    by an exception (or a kill) leaves nothing under that name.

    Args:
        path: the .npy file to create.
        count: the largest number of rows that may come.
        size: S.
        channels: C, 1 or 3.
    """

    def __init__(self, path: Path, count: int, size: int, channels: int) -> None:
        self.size = size
        self.channels = channels
        self.rows = 0
        self._path = path
        self._count = count
        self._temporary = durable.temporary(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self._temporary, "w+b")  # noqa: SIM115  closed by __exit__
        self._start()

    def __enter__(self) -> Self:
        return self

    def append(self, rows: NDArray[np.uint8]) -> None:
        """Add (n, S, S, C) uint8 rows.

        Raises:
            ValueError: when their shape or type differs or more than `count` rows came.
        """
        if rows.dtype != np.uint8 or rows.shape[1:] != (self.size, self.size, self.channels):
            raise ValueError(
                f"{self._path.name}: rows must be (n, {self.size}, {self.size}, {self.channels}) "
                f"uint8, got {rows.shape} {rows.dtype}."
            )
        if self.rows + len(rows) > self._count:
            raise ValueError(f"{self._path.name}: more than the announced {self._count} rows came.")
        self._file.write(np.ascontiguousarray(rows).data)
        self.rows += len(rows)

    def convert(
        self, size: int, channels: int, change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
    ) -> None:
        """Rewrite the rows so far for another size or channel count, block by block.

        Args:
            size: the new S.
            channels: the new C.
            change: maps one (S, S, C) row to the new shape.
        """
        old, rows = self._file, self.rows
        shape = (self.size, self.size, self.channels)
        row_bytes = self.size * self.size * self.channels
        old.seek(self._header_bytes)
        second = durable.temporary(self._path)
        self._file = open(second, "w+b")  # noqa: SIM115  closed by __exit__
        self.size, self.channels, self.rows = size, channels, 0
        try:
            self._start()
            while self.rows < rows:
                count = min(_BLOCK, rows - self.rows)
                block = np.frombuffer(old.read(count * row_bytes), np.uint8).reshape(count, *shape)
                self.append(np.stack([change(row) for row in block]))
        finally:
            old.close()
            second.replace(self._temporary)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            with self._file as file:
                if kind is None:
                    file.seek(0)
                    file.write(self._header(self.rows))
                    file.flush()
                    os.fsync(file.fileno())
            if kind is None:
                self._temporary.replace(self._path)
                durable.sync_folder(self._path.parent)
        finally:
            self._temporary.unlink(missing_ok=True)

    def _start(self) -> None:
        self._header_bytes = self._file.write(self._header(self._count))

    def _header(self, count: int) -> bytes:
        # One fixed length whatever the count, so that the final count can be written in place.
        shape = (count, self.size, self.size, self.channels)
        text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("ascii")


class PixelStore:
    """Several segments read as one (N, S, S, C) uint8 array, memory-mapped and read-only.

    Args:
        segments: .npy files in the order of their positions.

    Raises:
        ValueError: when there is none, one is no pixel file, or they disagree in size or channels.
    """

    def __init__(self, segments: Sequence[Path]) -> None:
        if not segments:
            raise ValueError("The project has no pixels yet: import images first.")
        self._maps = [_open(path) for path in segments]
        for path, rows in zip(segments, self._maps, strict=True):
            if rows.shape[1:] != self._maps[0].shape[1:]:
                raise ValueError(
                    f"{path}: its images are {_words(rows)}, but those of {segments[0]} are "
                    f"{_words(self._maps[0])}. Import it again with the project's size."
                )
        self._ends = np.cumsum([len(rows) for rows in self._maps])

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, S, S, C)."""
        size, _, channels = self._maps[0].shape[1:]
        return int(self._ends[-1]), size, size, channels

    @property
    def channels(self) -> int:
        """C."""
        return self.shape[3]

    def __len__(self) -> int:
        return int(self._ends[-1])

    def image(self, position: int) -> NDArray[np.uint8]:
        """One (S, S, C) uint8 row, a copy.

        Raises:
            IndexError: when the position lies outside 0..N-1.
        """
        return self.take(np.array([position], dtype=np.int64))[0]

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return (n, S, S, C) uint8, a copy of the rows in `indices`, in that order.

        Raises:
            IndexError: when a position lies outside 0..N-1.
        """
        indices = np.asarray(indices, dtype=np.int64)
        if not len(indices):
            return np.empty((0, *self.shape[1:]), np.uint8)
        low, high = int(indices.min()), int(indices.max())
        if low < 0 or high >= len(self):
            raise IndexError(f"Positions {low}..{high} reach outside the {len(self)} images.")
        first, last = np.searchsorted(self._ends, (low, high), side="right")
        if first == last:
            return self._maps[first][indices - self._begin(first)]
        out = np.empty((len(indices), *self.shape[1:]), np.uint8)
        segment_of = np.searchsorted(self._ends, indices, side="right")
        for segment in range(int(first), int(last) + 1):
            here = np.flatnonzero(segment_of == segment)
            out[here] = self._maps[segment][indices[here] - self._begin(segment)]
        return out

    def _begin(self, segment: int) -> int:
        return int(self._ends[segment - 1]) if segment else 0


class ImportedPixels:
    """The rows of several imports as they came, each at its own size.

    Args:
        segments: .npy files in the order of their positions, each opened when a row of it is asked
            for: where all images have originals nobody asks.
        counts: rows of each.
    """

    def __init__(self, segments: Sequence[Path], counts: Sequence[int]) -> None:
        self._segments = segments
        self._stores: dict[int, PixelStore] = {}
        self._ends = np.cumsum(counts)

    def image(self, position: int) -> NDArray[np.uint8]:
        """One (S, S, C) uint8 row, a copy.

        Raises:
            IndexError: when the position lies outside 0..N-1.
        """
        segment = int(np.searchsorted(self._ends, position, side="right"))
        if not 0 <= segment < len(self._segments) or position < 0:
            raise IndexError(f"There is no image {position} in the pixels.")
        begin = int(self._ends[segment - 1]) if segment else 0
        if segment not in self._stores:
            self._stores[segment] = PixelStore([self._segments[segment]])
        return self._stores[segment].image(position - begin)


def _open(path: Path) -> NDArray[np.uint8]:
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"{path}: not a complete pixel file. `sslapp verify` says what can be done."
        ) from error
    if rows.dtype != np.uint8 or rows.ndim != 4 or rows.shape[1] != rows.shape[2]:
        raise ValueError(f"{path}: not a pixel file (N, S, S, C) uint8, but {rows.shape}.")
    return rows.view(np.ndarray)


def _words(rows: NDArray[np.uint8]) -> str:
    return f"{rows.shape[1]} x {rows.shape[2]} with {rows.shape[3]} channel(s)"
