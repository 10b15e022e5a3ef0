"""Reading what lies in a zip archive, and in zip archives inside it.

Nothing is ever unpacked to a file of its own name: a member is read into memory, and an archive
inside into a nameless temporary file. Memory is bounded whatever the archive claims.
"""

import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from sslapp.datasets.pictures.archives.limits import Limits, wrong_content
from sslapp.datasets.pictures.files import Read

INSIDE = "\0"
"""Between an archive inside the archive and its member; no name that is taken has it."""

_CHUNK = 2**20
_TAIL = 2**17  # more than zipfile reads from the end, where the longest comment has 64 KiB
_IN_MEMORY = 16 * 2**20
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError)


class NotAnArchive(ValueError):
    """A member that is called as an archive and cannot be read as one."""


def small_member(path: Path, name: str, most: int) -> bytes | None:
    """A member that is no picture, unpacked; None where the file is no archive or has it not.

    Raises:
        ValueError: when it is larger than `most` bytes, or damaged.
    """
    try:
        with open_archive(path, Limits()) as archive:
            info = archive.getinfo(name)
            if info.file_size > most:
                raise ValueError(f"{path.name}: {name} has more than {most:,} bytes.")
            return _content(archive, info)
    except KeyError:
        return None


@contextmanager
def reading_archive(path: Path, limits: Limits | None = None) -> Iterator[Read]:
    """Read members by where they lie; of archives inside one at a time is unpacked."""
    limits = limits or Limits()
    with open_archive(path, limits) as archive, ExitStack() as inner:
        members = {"": _Members(archive)}

        def read(where: str) -> bytes:
            inside, _, member = where.rpartition(INSIDE)
            if inside not in members:
                inner.close()
                for each in [key for key in members if key]:
                    del members[each]
                info = members[""].find(inside, limits)
                members[inside] = _Members(inner.enter_context(unpacked(archive, info, limits)))
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
        if info is None or (reason := wrong_content(info, limits)) is not None:
            raise ValueError("the archive was changed" if info is None else reason)
        return info


@contextmanager
def unpacked(
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
def open_archive(path: Path, limits: Limits) -> Iterator[zipfile.ZipFile]:
    """An archive, of which no list of members longer than the limit is read.

    Raises:
        ValueError: when it is damaged or no archive.
    """
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
