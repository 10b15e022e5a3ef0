"""A zip archive of picture files, laid out as a folder of them would be.

A zip archive in the archive is read as a folder of its name; its members count to the same limits,
and archives inside it are refused.
"""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sslapp.datasets.pictures.archives.limits import Limits, is_zip, why_not, wrong_place
from sslapp.datasets.pictures.archives.names import UNTOLD, readable_names
from sslapp.datasets.pictures.archives.reading import (
    INSIDE,
    NotAnArchive,
    open_archive,
    reading_archive,
    unpacked,
)
from sslapp.datasets.pictures.files import Read, nothing, printable
from sslapp.datasets.pictures.listing import Listing, PictureFile, listed
from sslapp.datasets.source import Refusal


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
def opened_archive(path: Path, limits: Limits | None = None) -> Iterator[Read]:
    """Read the files of an archive by where they lie in it."""
    with reading_archive(path, limits) as read:
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
    with open_archive(path, limits) as archive:
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
            reason = why_not(info, name, self._limits, is_inner=bool(inside))
            if info.orig_filename.endswith("/"):
                if name is not None and wrong_place(name.rstrip("/")) is None:
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
        if is_zip(name):
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
            with unpacked(archive, info, self._limits) as inner:
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
