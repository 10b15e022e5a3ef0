"""Writing files so that a kill at any moment leaves the old content or the new, never half."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray


def write(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Create or replace `path` with what `fill` writes: temporary file, fsync, rename, fsync.

    The temporary file stands beside the target, so the rename stays on one file system.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Create or replace `path` with `content`."""
    write(path, lambda file: file.write(content))


def write_array(path: Path, array: NDArray[np.generic]) -> None:
    """Create or replace `path`, a .npy file, with `array`."""
    write(path, lambda file: np.save(file, array, allow_pickle=False))


def read_array(path: Path) -> NDArray[np.generic]:
    """Map a .npy file into memory, read-only."""
    return np.load(path, mmap_mode="r", allow_pickle=False)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """The content's hash, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
