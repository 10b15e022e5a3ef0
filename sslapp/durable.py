"""Writing files so that a kill at any moment leaves the old content or the new, never half.

Against disks that lose or turn bits there are *named* files: the hash of the content is part of the
name, so that one rename writes both and whoever reads the file can tell whether it is what was
written.
"""

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a write ends with where the disk, or what one may use of it, is full."""

_MENDS = {
    (errno.EACCES, errno.EPERM): " Give the account that runs sslapp the right to it.",
    (errno.EROFS,): " Let its disk be written to, then try again.",
    (errno.EIO,): " The disk itself failed: check it, and copy what it holds elsewhere first.",
}
"""What can be done about an error of the disk, by its numbers."""

_NAMED = re.compile(r"(?P<stem>[^.].*)-(?P<hash>[0-9a-f]{32})(?P<suffix>\.[^.]+)")


def temporary(path: Path) -> Path:
    """A name beside `path` for what is not complete yet; no two calls give the same.

    Process and thread say to people whose it is. They tell nobody apart: two containers number
    their processes alike.
    """
    return path.with_name(temporary_name(path.name))


def temporary_name(name: str) -> str:
    """As `temporary`, of a name alone."""
    about = f"{os.getpid()}.{threading.get_native_id()}.{secrets.token_hex(8)}"
    # shortened, so that it is not too long for the file system where `name` is not
    return f".{name[:40]}.{about}.tmp"


def write(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Create or replace `path` with what `fill` writes: temporary file, fsync, rename, fsync.

    The temporary file stands beside the target, so the rename stays on one file system.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = temporary(path)
    try:
        with open(unfinished, "xb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Create or replace `path` with `content`."""
    write(path, lambda file: file.write(content))


def write_array(path: Path, array: NDArray[np.generic]) -> None:
    """Create or replace `path`, a .npy file, with `array`."""
    write(path, lambda file: np.save(file, array, allow_pickle=False))


def read_array(path: Path) -> NDArray[np.generic]:
    """Map a .npy file into memory, read-only.

    Raises:
        ValueError: naming the file, when it is none or was cut off.
        OSError: when it cannot be read.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"{path} is damaged ({error}). `sslapp verify` says what else is, and what can be done "
            "about each file."
        ) from error


def link(source: Path, target: Path) -> None:
    """Give a complete file a second name; deleting one leaves the other. Survives from a sync on.

    Files are replaced by a rename, never written into, so what one name holds never changes by the
    other. A file system without hard links gets a copy.

    Raises:
        FileNotFoundError: when `source` is gone.
        FileExistsError: when `target` is there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError:
        with open(source, "rb") as file:
            write(target, lambda copy: shutil.copyfileobj(file, copy))


def write_named(folder: Path, stem: str, suffix: str, content: bytes) -> Path:
    """Write `content` to "<stem>-<hash><suffix>" in `folder` and return the path.

    Args:
        stem: what the file is called.
        suffix: its ending, with the dot.
    """
    path = folder / f"{stem}-{hashlib.sha256(content).hexdigest()[:32]}{suffix}"
    write_bytes(path, content)
    return path


def find_named(folder: Path, stem: str, suffix: str) -> list[Path]:
    """The named files of a folder, which need not exist, whose stem matches, in no order.

    Args:
        stem: may hold "*".
    """
    return [
        path
        for path in folder.glob(f"*{suffix}")
        if _NAMED.fullmatch(path.name) and fnmatchcase(stem_of(path), stem)
    ]


def stem_of(path: Path) -> str:
    """What a file is called without its ending and, if it is a named one, without its hash."""
    found = _NAMED.fullmatch(path.name)
    return path.stem if found is None else found["stem"]


def carries_hash(path: Path) -> bool:
    """Whether the file is a named one."""
    return _NAMED.fullmatch(path.name) is not None


def read_named(path: Path) -> bytes:
    """The content of a file, checked against its name if that carries a hash.

    Raises:
        ValueError: when it is not what was written.
        OSError: when it cannot be read.
    """
    content = path.read_bytes()
    found = _NAMED.fullmatch(path.name)
    if found is not None and not hashlib.sha256(content).hexdigest().startswith(found["hash"]):
        raise ValueError(f"{path.name}: its content is not what its name says (sha256)")
    return content


def in_words(error: OSError, kept_in: Path) -> str:
    """A sentence for people about what the disk refused, with the mend.

    Args:
        kept_in: folder of the program's own files: what is missing there was not named by anybody.
    """
    where = None if error.filename is None else str(error.filename)
    if error.errno in NO_ROOM:
        what = "" if where is None else f": {where} could not be written"
        return f"The disk is full{what}. Free some space, then try again."
    if where is None or error.strerror is None:
        return str(error)
    if isinstance(error, FileNotFoundError) and Path(where).is_relative_to(kept_in):
        return (
            f"{where} is missing. `sslapp verify` says what else is, and what can be done about "
            "each file."
        )
    mend = next((each for numbers, each in _MENDS.items() if error.errno in numbers), "")
    return f"{where}: {error.strerror}.{mend}"


def passed_over(path: Path, depth: int, why: Exception | str) -> str:
    """A sentence for people about a damaged file that was done without.

    Args:
        depth: how many parts of the path to name: enough to find it, and no folder of the server.
        why: what reading it raised, or what is wrong with it.
    """
    reason = (isinstance(why, OSError) and why.strerror) or str(why)
    where = "/".join(path.parts[-depth:])
    return f"{where} was passed over as damaged: {reason.removeprefix(f'{path.name}: ')}."


def is_intact(path: Path) -> bool:
    """Whether a file can be read and is what its name says; without a hash the name says nothing.

    Reads it block by block, whatever its size.
    """
    found = _NAMED.fullmatch(path.name)
    try:
        return sha256(path).startswith("" if found is None else found["hash"])
    except OSError:
        return False


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
