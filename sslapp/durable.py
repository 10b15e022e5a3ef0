"""Writing files so that a kill at any moment leaves the old content or the new, never half."""

import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder that exists, against every process that asks for it."""
    descriptor = _locked(folder)
    try:
        yield
    finally:
        os.close(descriptor)


def _locked(folder: Path) -> int:
    while True:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(descriptor), folder.stat()):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the folder was replaced by another while this one waited


def sha256(path: Path) -> str:
    """The content's hash, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_NAMED = re.compile(r".*-([0-9a-f]{32})\.[a-z]+")


def carries_hash(path: Path) -> bool:
    """Whether the file's name ends in the hash of its content."""
    return _NAMED.fullmatch(path.name) is not None


def is_intact(path: Path) -> bool:
    """Whether the content still is what the name says."""
    found = _NAMED.fullmatch(path.name)
    return found is not None and path.is_file() and sha256(path)[:32] == found[1]
