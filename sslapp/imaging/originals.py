"""The originals: every imported file exactly as it came, named by the sha256 of its content."""

import ctypes
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from sslapp import durable

_NAME = re.compile(r"[0-9a-f]{64}")


def original_path(folder: Path, sha256: str) -> Path:
    """Where the original with this hash lies below `folder`.

    Raises:
        ValueError: when it is not 64 lower-case hexadecimal digits (so it can name no other file).
    """
    if not _NAME.fullmatch(sha256):
        raise ValueError(f"{sha256[:80]!r} is not the sha256 of an original.")
    return folder / sha256[:2] / sha256


class OriginalsWriter:
    """Adds files to the originals; `add` may be called from several threads.

    A file gets its name when it is complete. What was added survives a power cut from `finish` on,
    which syncs the file system once instead of every file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folders: set[str] = set()
        self._added = None if _syncs_file_systems() else bytearray()  # 32 bytes each

    def add(self, content: bytes) -> str:
        """Store `content` unless it is there already and return its sha256."""
        digest = hashlib.sha256(content)
        sha256 = digest.hexdigest()
        # few paths as objects, for each takes as long as hashing a small file
        folder = f"{self._folder}/{sha256[:2]}"
        path = Path(f"{folder}/{sha256}")
        if folder not in self._folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        if self._added is not None:
            self._added += digest.digest()
        # compared, because a power cut before `finish` may leave a name without its content
        if path.exists() and path.read_bytes() == content:
            return sha256
        unfinished = Path(f"{folder}/{durable.temporary_name(sha256)}")
        try:
            with open(unfinished, "wb") as file:
                file.write(content)
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        return sha256

    def finish(self) -> None:
        """Make everything added so far survive a power cut.

        Raises:
            OSError: when the disk did not take it.
        """
        if self._folders:
            _sync(self._folder, chain(map(Path, self._folders), self._paths()))
        self._folders.clear()
        if self._added is not None:
            self._added.clear()

    def _paths(self) -> Iterator[Path]:
        """What was added, where it must be synced one by one."""
        added = self._added or b""
        for start in range(0, len(added), 32):
            yield original_path(self._folder, added[start : start + 32].hex())


def share_originals(
    source: Path,
    target: Path,
    names: Sequence[str],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Let another folder hold the same originals, without a second copy of them on the disk.

    They survive a power cut when this returns. What is there already, from an attempt that was
    killed, stays.

    Args:
        names: sha256 of each.
        progress: called as progress(done, total); it may raise to stop.

    Raises:
        FileNotFoundError: when `source` lacks one.
    """
    for done, name in enumerate(names, 1):
        path = original_path(target, name)
        if not path.exists():
            durable.link(original_path(source, name), path)
        progress(done, len(names))
    if names:
        _sync(target, {each for name in names for each in _named(target, name)})


def _named(folder: Path, name: str) -> tuple[Path, Path]:
    path = original_path(folder, name)
    return path.parent, path


def _sync(folder: Path, paths: Iterable[Path]) -> None:
    if not _sync_file_system(folder):
        for path in sorted(set(paths)):
            durable.sync_folder(path)  # opens and fsyncs, which is right for files as well
        durable.sync_folder(folder)


def _syncs_file_systems() -> bool:
    """Whether the system can write out a whole file system, as Linux can."""
    return hasattr(ctypes.CDLL(None), "syncfs")


def _sync_file_system(folder: Path) -> bool:
    """Write out the file system that holds `folder` and wait; False where no system call does."""
    if not _syncs_file_systems():
        return False
    syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)
    return True
