"""A zip archive of picture files, laid out as a folder of them would be.

Nothing is ever unpacked to a file of its own name: a member is read into memory, decoded and kept
by its hash, and its name is text. Archives come from strangers, so names that mean a place, links,
devices, archives in the archive, and members that expand as no picture does are refused; memory is
bounded whatever the archive claims.
"""

import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote

from sslapp.datasets.pictures.arranged import files_source
from sslapp.datasets.pictures.files import (
    IN_HIDDEN,
    MACOS,
    FilesSource,
    Read,
    nothing,
    printable,
    wrong_name,
)
from sslapp.datasets.pictures.listing import Listing, PictureFile, listed
from sslapp.datasets.pictures.reading import AS_SUGGESTED, Reading
from sslapp.datasets.source import Refusal
from sslapp.imaging.decode import MAX_BYTES

_CHUNK = 2**20
_TAIL = 2**17  # more than zipfile reads from the end, where the longest comment has 64 KiB
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others expand without bound at once
_ARCHIVES = frozenset(
    {".zip", ".npz", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".zst", ".7z", ".rar", ".jar"}
)
_ENCRYPTED = 0x1
_ABSOLUTE = re.compile(r"/|[A-Za-z]:")
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError)


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold.

    Attributes:
        members: files and folders.
        directory: bytes of the list of members, which is read at once.
        expanded: bytes of all taken pictures together, unpacked.
        ratio: how many times larger than packed one picture may be; photographs pack by less than
            2, blank scans without compression of their own by some hundreds.
        free: bytes that may be unpacked from one member whatever its ratio.
    """

    members: int = 1_000_000
    directory: int = 256 * 2**20
    expanded: int = 256 * 2**30
    ratio: int = 500
    free: int = 2**20


def archive_source(
    path: Path,
    *,
    name: str | None = None,
    reading: Reading = AS_SUGGESTED,
    group_pattern: str | None = None,
    limits: Limits | None = None,
) -> FilesSource:
    """The pictures of a zip archive in natural order, as `reading` says what folders mean.

    Args:
        path: the archive.
        name: how the source is called; the file's name by default.
        reading, group_pattern: as for a folder.
        limits: what an archive may hold.

    Raises:
        ValueError: when it is no archive, holds no picture or more than the limits, or a question
            about the reading is open.
    """
    listing = archive_listing(path, name=name, limits=limits)
    wanted = reading if group_pattern is None else replace(reading, group_pattern=group_pattern)
    return files_source(listing, wanted, partial(opened_archive, listing, limits))


def archive_listing(
    path: Path, *, name: str | None = None, limits: Limits | None = None
) -> Listing:
    """List the picture files in a zip archive.

    Raises:
        ValueError: when it is no archive, holds no picture or more than the limits.
    """
    members = archive_members(path, limits)
    if not members.names:
        raise nothing(path.name, members.refused)
    return listed(path, name or path.stem, members.found, members.refused, members.folders)


@contextmanager
def opened_archive(listing: Listing, limits: Limits | None = None) -> Iterator[Read]:
    """Read the files of a listed archive by where they lie in it."""
    with archive_members(Path(listing.path), limits).reading() as read:
        yield read


@dataclass(frozen=True)
class ArchiveMembers:
    """The picture files of an archive.

    Attributes:
        found: those that are taken.
        refused: the others.
        folders: that the archive names.
        reading: opens the archive for one pass over them.
    """

    found: list[PictureFile]
    refused: list[Refusal]
    folders: list[str]
    reading: Callable[[], AbstractContextManager[Read]]

    @property
    def names(self) -> list[str]:
        """The taken ones as the archive spells them."""
        return [each.where for each in self.found]


def archive_members(path: Path, limits: Limits | None = None) -> ArchiveMembers:
    """List the picture files of a zip archive.

    Raises:
        ValueError: when it is no archive, or holds more than the limits.
    """
    limits = limits or Limits()
    refused: list[Refusal] = []
    folders: list[str] = []
    found: list[PictureFile] = []
    taken: dict[str, int] = {}
    with _opened(path, limits) as archive:
        infos = archive.infolist()
        if len(infos) > limits.members:
            raise ValueError(
                f"{path.name}: {len(infos):,} members are more than the {limits.members:,} "
                "allowed. Split the archive."
            )
        expanded = 0
        for index, info in enumerate(infos):
            if info.orig_filename.endswith("/"):
                folder = info.orig_filename.rstrip("/")
                if _wrong_place(folder) is None and printable(folder) == folder:
                    folders.append(folder)
                continue
            reason = _why_not(info, limits)
            if reason is None and info.filename in taken:
                reason = "its name occurs twice"
            if reason is not None:
                refused.append(Refusal(printable(info.orig_filename), reason))
                continue
            taken[info.filename] = index
            found.append(PictureFile(info.filename, info.file_size, info.CRC))
            expanded += info.file_size
    if expanded > limits.expanded:
        raise ValueError(
            f"{path.name}: its pictures take {expanded:,} bytes unpacked, more than the "
            f"{limits.expanded:,} allowed. Split the archive."
        )
    return ArchiveMembers(found, refused, folders, partial(_reading, path, taken, limits))


def small_member(path: Path, name: str, most: int) -> bytes | None:
    """A member that is no picture, unpacked; None where the file is no archive or has it not.

    Raises:
        ValueError: when it is larger than `most` bytes, or damaged.
    """
    try:
        with _opened(path, Limits()) as archive:
            info = archive.getinfo(name)
            if info.file_size > most:
                raise ValueError(f"{path.name}: {name} has more than {most:,} bytes.")
            return _content(archive, info)
    except KeyError:
        return None


def _why_not(info: zipfile.ZipInfo, limits: Limits) -> str | None:
    """Why the member is not taken in, or None; only what the archive says of it is looked at."""
    return _wrong_place(info.orig_filename) or _wrong_kind(info, limits)


def _wrong_place(name: str) -> str | None:
    """Why a member's name is refused; the archive's own spelling, before zipfile mends it."""
    parts = name.split("/")
    spellings = (name, unquote(name).replace("\\", "/"))
    return _first(
        ("\0" in name, "its name has a NUL in it"),
        ("\\" in name, "its name has a backslash in it; pack the archive with / between folders"),
        (any(_ABSOLUTE.match(each) for each in spellings), "an absolute path"),
        (any(".." in each.split("/") for each in spellings), "its path leads out of the archive"),
        ("" in parts or "." in parts, "its path has an empty part"),
        ("__MACOSX" in parts, MACOS),
        (any(part.startswith(".") for part in parts[:-1]), IN_HIDDEN),
    )


def _wrong_kind(info: zipfile.ZipInfo, limits: Limits) -> str | None:
    mode, size = info.external_attr >> 16, info.file_size
    ratio = size // max(info.compress_size, 1)
    suffix = PurePosixPath(info.filename).suffix.lower()
    plain = _first(
        (stat.S_ISLNK(mode), "a link"),
        (stat.S_IFMT(mode) not in (0, stat.S_IFREG), "not a plain file"),
        (suffix in _ARCHIVES, "an archive inside the archive; unpack it first"),
    )
    return (
        plain
        or wrong_name(info.filename)
        or _first(
            (bool(info.flag_bits & _ENCRYPTED), "it is encrypted"),
            (
                info.compress_type not in _METHODS,
                "it is packed with a method that is not read; use Deflate",
            ),
            (size > MAX_BYTES, f"{size:,} bytes are more than the {MAX_BYTES:,} allowed"),
            (
                size > max(limits.free, limits.ratio * info.compress_size),
                f"it expands {ratio:,} times, as no picture does",
            ),
        )
    )


def _first(*checks: tuple[bool, str]) -> str | None:
    """The reason of the first check that found something wrong."""
    return next((reason for wrong, reason in checks if wrong), None)


@contextmanager
def _reading(path: Path, members: dict[str, int], limits: Limits) -> Iterator[Read]:
    with _opened(path, limits) as archive:
        infos = archive.infolist()
        yield lambda name: _content(archive, infos[members[name]])


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """A member's bytes; zipfile ends at the announced size and checks the sum.

    Raises:
        ValueError: when the member is damaged.
    """
    parts = []
    try:
        with archive.open(info) as file:
            while part := file.read(_CHUNK):
                parts.append(part)
    except _DAMAGE as error:
        raise ValueError(f"damaged in the archive: {error}") from error
    return b"".join(parts)


@contextmanager
def _opened(path: Path, limits: Limits) -> Iterator[zipfile.ZipFile]:
    with open(path, "rb") as file:
        try:
            archive = zipfile.ZipFile(_Metered(file, limits.directory))
        except (*_DAMAGE, ValueError) as error:
            raise ValueError(
                f"{path.name}: not a readable zip archive ({error}). Pack it again."
            ) from error
        with archive:
            yield archive


class _Metered:
    """A file of which zipfile cannot read more than `most` bytes at once.

    It reads the list of members in one piece, whose size the archive itself states.
    """

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file = file
        self._most = most
        self._size = os.fstat(file.fileno()).st_size
        self.tell: Callable[[], int] = file.tell
        self.seek: Callable[..., int] = file.seek
        self.seekable: Callable[[], bool] = file.seekable

    def read(self, size: int = -1) -> bytes:
        """As a file's; more than allowed is refused."""
        if size > self._most:
            raise ValueError(f"its list of members takes {size:,} bytes")
        # never read() to the end: the buffer for it would be as large as what may be asked for
        return self._file.read(min(size if size >= 0 else _TAIL, self._size))
