"""Streams arrays out of an untrusted .npz file: headers first, then rows, never objects.

Rows leave the compressed file block by block, so neither a large set nor a file that claims more
than it holds can fill the memory.
"""

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

_BLOCK_BYTES = 2**20
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)


class BadArrays(ValueError):
    """An .npz file that cannot be used; the message names the file, the key and the mend."""


class NpzFile:
    """An .npz file that is opened anew for every reading, so that it may be shared by threads.

    Args:
        path: the file.

    Raises:
        BadArrays: when it is no zip archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except FileNotFoundError:
            raise BadArrays(f"{path}: there is no such file.") from None
        except _DAMAGE as error:
            raise BadArrays(f"{path}: not a readable .npz file ({error}).") from error
        self.keys = {name.removesuffix(".npy") for name in names}

    def shape(self, key: str) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
        """Shape and dtype of an array, from its header."""
        with self._open(key) as (_, shape, dtype):
            return shape, dtype

    def load(self, key: str, largest: int) -> NDArray[np.generic]:
        """Read a whole array of at most `largest` bytes."""
        with self._open(key) as (file, shape, dtype):
            size = math.prod(shape) * dtype.itemsize
            if size > largest:
                raise BadArrays(
                    f"{self.path}: {key} {shape} takes {size:,} bytes, more than the {largest:,} "
                    "that it may have."
                )
            return np.frombuffer(_exactly(file, size), dtype).reshape(shape)

    def stream(self, key: str, start: int) -> Iterator[NDArray[Any]]:
        """Yield blocks of rows of an array from row `start` on, about 1 MiB each."""
        with self._open(key) as (file, shape, dtype):
            row_bytes = math.prod(shape[1:]) * dtype.itemsize
            rows = max(1, _BLOCK_BYTES // row_bytes)
            for first in range(0, start, rows):
                _exactly(file, min(rows, start - first) * row_bytes)
            for first in range(start, shape[0], rows):
                count = min(rows, shape[0] - first)
                block = np.frombuffer(_exactly(file, count * row_bytes), dtype)
                native = block.astype(dtype.newbyteorder("="), copy=False)
                yield native.reshape(count, *shape[1:])

    @contextmanager
    def _open(self, key: str) -> Iterator[tuple[IO[bytes], tuple[int, ...], np.dtype[np.generic]]]:
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{key}.npy") as file:
                shape, fortran, dtype = _header(file)
                self._refuse_unreadable(key, shape, fortran, dtype)
                yield file, shape, dtype
        except BadArrays:
            raise
        except (*_DAMAGE, ValueError) as error:
            raise BadArrays(
                f"{self.path}: {key} is damaged or cut off ({error}). Fetch the file again."
            ) from error

    def _refuse_unreadable(
        self, key: str, shape: tuple[int, ...], fortran: bool, dtype: np.dtype[np.generic]
    ) -> None:
        if dtype.hasobject:
            raise BadArrays(
                f"{self.path}: {key} holds Python objects, which are never loaded. Save it as "
                "numbers or fixed-length text."
            )
        if fortran and len(shape) > 1:
            raise BadArrays(
                f"{self.path}: {key} is stored in Fortran order. Save "
                f"numpy.ascontiguousarray({key}) instead."
            )


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    version = npy.read_magic(file)
    if version == (1, 0):
        return npy.read_array_header_1_0(file)
    if version == (2, 0):
        return npy.read_array_header_2_0(file)
    raise ValueError(f"array format {version} is not known")


def _exactly(file: IO[bytes], size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise EOFError(f"{size:,} bytes announced, {len(content):,} there")
    return content
