"""A zip archive of picture files, laid out as a folder of them would be.

Nothing is ever unpacked to a file of its own name: a member is read into memory, decoded and kept
by its hash, and its name is text. Archives come from strangers, so names that mean a place, links,
devices, and members that expand as no picture does are refused; memory is bounded whatever the
archive claims. A zip archive in the archive is read as a folder of its name, from a nameless
temporary file; its members count to the same limits, and archives inside it are refused.
"""

import os
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote

from sslapp.datasets.pictures.archive_names import UNTOLD, readable_names
from sslapp.datasets.pictures.files import (
    IN_HIDDEN,
    MACOS,
    Read,
    nothing,
    printable,
    wrong_name,
    wrong_path,
)
from sslapp.datasets.pictures.listing import Listing, PictureFile, listed
from sslapp.datasets.source import Refusal
from sslapp.imaging.decode import MAX_BYTES

_CHUNK = 2**20
_TAIL = 2**17  # more than zipfile reads from the end, where the longest comment has 64 KiB
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others expand without bound at once
_ARCHIVES = frozenset(
    {".zip", ".npz", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".zst", ".7z", ".rar", ".jar"}
)
_ENCRYPTED = 0x1
INSIDE = "\0"
"""Between an archive inside the archive and its member; no name that is taken has it."""

_IN_MEMORY = 16 * 2**20
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
        nested: bytes of one archive inside the archive.
    """

    members: int = 1_000_000
    directory: int = 256 * 2**20
    expanded: int = 256 * 2**30
    ratio: int = 500
    free: int = 2**20
    nested: int = 64 * 2**30


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
    with reading_archive(Path(listing.path), limits) as read:
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
    """List the picture files of a zip archive, those of zip archives in it too.

    Raises:
        ValueError: when it is no archive, or holds more than the limits.
    """
    limits = limits or Limits()
    scan = _Scan(path.name, limits)
    with _opened(path, limits) as archive:
        scan.add(archive)
        for info, name in scan.archives:
            scan.enter(archive, info, name)
    return ArchiveMembers(
        scan.found, scan.refused, scan.folders, partial(reading_archive, path, limits)
    )


class _Scan:
    """What was met in an archive so far, and how much of it.

    Args:
        source: what messages call the archive.
        limits: for all archives in it together.
    """

    def __init__(self, source: str, limits: Limits) -> None:
        self.found: list[PictureFile] = []
        self.refused: list[Refusal] = []
        self.folders: list[str] = []
        self.archives: list[tuple[zipfile.ZipInfo, str]] = []
        self._source = source
        self._limits = limits
        self._members = 0
        self._expanded = 0

    def add(self, archive: zipfile.ZipFile, inside: str = "", prefix: str = "") -> None:
        """List the members of an archive.

        Args:
            inside: the member that the archive is; "" for the outermost.
            prefix: the folder that its members are shown in.
        """
        infos = archive.infolist()
        self._members += len(infos)
        if self._members > self._limits.members:
            raise ValueError(
                f"{self._source}: {self._members:,} members are more than the "
                f"{self._limits.members:,} allowed. Split the archive."
            )
        taken: set[str] = set()
        for info, name in zip(infos, readable_names(infos), strict=True):
            shown = prefix + printable(name or info.orig_filename)
            reason = _why_not(info, name, self._limits, is_inner=bool(inside))
            if info.orig_filename.endswith("/"):
                if name is not None and _wrong_place(name.rstrip("/")) is None:
                    self.folders.append(shown.rstrip("/"))
            elif reason is None and info.filename in taken:
                self.refused.append(Refusal(shown, "its name occurs twice"))
            elif reason is not None or name is None:
                self.refused.append(Refusal(shown, reason or UNTOLD))
            else:
                taken.add(info.filename)
                self._take(info, name, inside, prefix)

    def _take(self, info: zipfile.ZipInfo, name: str, inside: str, prefix: str) -> None:
        self._expanded += info.file_size
        if self._expanded > self._limits.expanded:
            raise ValueError(
                f"{self._source}: its pictures take {self._expanded:,} bytes unpacked, more than "
                f"the {self._limits.expanded:,} allowed. Split the archive."
            )
        if _is_zip(name):
            self.archives.append((info, name))
            return
        where = f"{inside}{INSIDE}{info.filename}" if inside else info.filename
        shown = prefix + name
        self.found.append(
            PictureFile(where, info.file_size, info.CRC, "" if shown == where else shown)
        )

    def enter(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> None:
        """List the members of an archive inside; one that cannot be read is refused."""
        try:
            with _unpacked(archive, info, self._limits) as inner:
                prefix = folder_of(name, [each.orig_filename for each in inner.infolist()])
                self.add(inner, info.filename, prefix)
        except NotAnArchive as error:
            self.refused.append(Refusal(printable(name), str(error)))


def folder_of(name: str, members: Iterable[str]) -> str:
    """The folder, with / behind it, that an archive of that name is shown as.

    Most are packed with a folder of their own name around everything: that is the one.
    """
    folder = name[: -len(".zip")]
    above, slash, last = folder.rpartition("/")
    tops = {member.partition("/")[0] for member in members}
    return above + slash if tops == {last} else f"{folder}/"


class NotAnArchive(ValueError):
    """A member that is called as an archive and cannot be read as one."""


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


def _why_not(
    info: zipfile.ZipInfo, name: str | None, limits: Limits, *, is_inner: bool
) -> str | None:
    """Why the member is not taken in, or None; only what the archive says of it is looked at.

    Args:
        name: as readable; the archive's own spelling is looked at where nobody can tell.
        is_inner: whether the archive lies in another.
    """
    spelled = info.orig_filename if name is None else name
    return _wrong_place(spelled) or _wrong_kind(info, spelled, limits, is_inner=is_inner)


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


def _wrong_kind(info: zipfile.ZipInfo, name: str, limits: Limits, *, is_inner: bool) -> str | None:
    mode = info.external_attr >> 16
    suffix = PurePosixPath(name).suffix.lower()
    plain = _first(
        (stat.S_ISLNK(mode), "a link"),
        (stat.S_IFMT(mode) not in (0, stat.S_IFREG), "not a plain file"),
        (
            is_inner and suffix in _ARCHIVES,
            "an archive in an archive inside the archive; unpack it first",
        ),
        (
            suffix in _ARCHIVES and not _is_zip(name),
            "an archive inside the archive; unpack it first",
        ),
    )
    strange = wrong_path(name) if _is_zip(name) else wrong_name(name)
    return plain or strange or _wrong_content(info, limits)


def _wrong_content(info: zipfile.ZipInfo, limits: Limits) -> str | None:
    size = info.file_size
    ratio = size // max(info.compress_size, 1)
    most = limits.nested if _is_zip(info.filename) else MAX_BYTES
    return _first(
        (bool(info.flag_bits & _ENCRYPTED), "it is encrypted"),
        (
            info.compress_type not in _METHODS,
            "it is packed with a method that is not read; use Deflate",
        ),
        (size > most, f"{size:,} bytes are more than the {most:,} allowed"),
        (
            size > max(limits.free, limits.ratio * info.compress_size),
            f"it expands {ratio:,} times, as no picture does",
        ),
    )


def _is_zip(name: str) -> bool:
    return name.lower().endswith(".zip")


def _first(*checks: tuple[bool, str]) -> str | None:
    """The reason of the first check that found something wrong."""
    return next((reason for wrong, reason in checks if wrong), None)


@contextmanager
def reading_archive(path: Path, limits: Limits | None = None) -> Iterator[Read]:
    """Read members by where they lie; of archives inside one at a time is unpacked."""
    limits = limits or Limits()
    with _opened(path, limits) as archive, ExitStack() as inner:
        members = {"": _Members(archive)}

        def read(where: str) -> bytes:
            inside, _, member = where.rpartition(INSIDE)
            if inside not in members:
                inner.close()
                for each in [key for key in members if key]:
                    del members[each]
                info = members[""].find(inside, limits)
                unpacked = inner.enter_context(_unpacked(archive, info, limits))
                members[inside] = _Members(unpacked)
            holder = members[inside]
            return _content(holder.archive, holder.find(member, limits))

        yield read


class _Members:
    """The members of an open archive by name; of several with one name the first."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self._infos: dict[str, zipfile.ZipInfo] = {}
        for info in archive.infolist():
            self._infos.setdefault(info.filename, info)

    def find(self, name: str, limits: Limits) -> zipfile.ZipInfo:
        """The member of that name.

        Raises:
            ValueError: when it is not there, or what the scan refused, for the archive is another.
        """
        info = self._infos.get(name)
        if info is None or (reason := _wrong_content(info, limits)) is not None:
            raise ValueError("the archive was changed" if info is None else reason)
        return info


@contextmanager
def _unpacked(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits
) -> Iterator[zipfile.ZipFile]:
    """An archive inside the archive, opened; small ones in memory, others in a nameless file.

    Raises:
        NotAnArchive: when it is damaged or no archive, or the disk has no room for it.
    """
    if info.file_size > min(_free(), limits.nested):
        raise NotAnArchive("an archive for which the disk has no room; unpack it first")
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        try:
            with archive.open(info) as packed:
                shutil.copyfileobj(packed, file, _CHUNK)
            file.seek(0)
            inner = zipfile.ZipFile(_Metered(file, limits.directory, info.file_size))
        except (*_DAMAGE, ValueError) as error:
            raise NotAnArchive(f"not a readable zip archive: {error}") from error
        with inner:
            yield inner


def _free() -> int:
    return shutil.disk_usage(tempfile.gettempdir()).free


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
            size = os.fstat(file.fileno()).st_size
            archive = zipfile.ZipFile(_Metered(file, limits.directory, size))
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

    def __init__(self, file: IO[bytes], most: int, size: int) -> None:
        self._file = file
        self._most = most
        self._size = size
        self.tell: Callable[[], int] = file.tell
        self.seek: Callable[..., int] = file.seek
        self.seekable: Callable[[], bool] = file.seekable

    def read(self, size: int = -1) -> bytes:
        """As a file's; more than allowed is refused."""
        if size > self._most:
            raise ValueError(f"its list of members takes {size:,} bytes")
        # never read() to the end: the buffer for it would be as large as what may be asked for
        return self._file.read(min(size if size >= 0 else _TAIL, self._size))
