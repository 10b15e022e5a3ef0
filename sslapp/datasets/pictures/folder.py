"""A folder of picture files.

Nothing outside the folder is ever read, whatever links lie in it.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from sslapp.datasets.pictures.archives.listing import archive_members, folder_of
from sslapp.datasets.pictures.archives.reading import INSIDE, reading_archive
from sslapp.datasets.pictures.files import (
    HIDDEN_FOLDER,
    MACOS,
    Read,
    nothing,
    printable,
    wrong_name,
    wrong_path,
)
from sslapp.datasets.pictures.listing import ENDS, Listing, Opened, PictureFile, ScanStopped, listed
from sslapp.datasets.source import Refusal
from sslapp.imaging.refused import MAX_BYTES


def folder_listing(root: Path, should_stop: Callable[[], bool] = lambda: False) -> Listing:
    """List the picture files below a folder.

    Raises:
        ValueError: when the folder is missing or holds no picture.
    """
    if not root.is_dir():
        raise ValueError(f"{root}: there is no such folder.")
    top = root.resolve()
    refused: list[Refusal] = []
    folders: list[str] = []
    found = _found(top, refused, folders, should_stop)
    listing = listed(top, top.name, found, refused, folders)
    if not listing.names:
        raise nothing(root, refused)
    return listing


def _found(
    top: Path, refused: list[Refusal], folders: list[str], should_stop: Callable[[], bool]
) -> Iterator[PictureFile]:
    """Yield the picture files below a folder; the others, and all folders, go to the two lists."""
    for name in _walk(top, refused, folders):
        if should_stop():
            raise ScanStopped
        is_archive = name.lower().endswith(".zip")
        reason = wrong_path(name) if is_archive else wrong_name(name)
        size = 0
        if reason is None:
            reason, size = _there(f"{top}/{name}", top)
        if reason is None and is_archive:
            yield from _entered(name, top / name, refused, folders)
        elif reason is None:
            yield PictureFile(name, size)
        else:
            refused.append(Refusal(printable(name), reason))


def _there(path: str, top: Path) -> tuple[str | None, int]:
    """Why what lies at `path` is not read, or None, and how many bytes it has."""
    status = os.lstat(path)
    if stat.S_ISREG(status.st_mode):
        return None, status.st_size
    reason = wrong_target(Path(path), top)
    return reason, 0 if reason else Path(path).stat().st_size


def _entered(
    name: str, path: Path, refused: list[Refusal], folders: list[str]
) -> Iterator[PictureFile]:
    """Yield the pictures of a zip archive in the folder, as in a folder of its name."""
    try:
        members = archive_members(path)
    except ValueError as error:
        refused.append(Refusal(name, str(error).removeprefix(f"{path.name}: ")))
        return
    shown = folder_of(name, [each.path or each.where for each in members.found])
    refused += [replace(each, name=f"{name}/{each.name}") for each in members.refused]
    folders += [shown + each for each in members.folders]
    for each in members.found:
        where, path_shown = f"{name}{INSIDE}{each.where}", shown + (each.path or each.where)
        yield replace(each, where=where, path=path_shown)


def of_one_file(path: Path) -> Listing:
    """The listing of a folder in which there is but that file."""
    path = path.resolve()
    found = [PictureFile(path.name, path.stat().st_size)]
    return listed(path.parent, path.stem, found, [])


def opened(listing: Listing) -> Opened:
    """What reads the files of a listed folder, and of one their ends."""
    top = Path(listing.path)  # alone, for the listing may be long
    return Opened(partial(opened_folder, top), partial(opened_folder, top, last=ENDS))


@contextmanager
def opened_folder(top: Path, last: int = 0) -> Iterator[Read]:
    """Read the files of a folder by where they lie in it; `last` as for `read_file`."""
    with ExitStack() as archives:
        read_inside: dict[str, Read] = {}

        def read(where: str) -> bytes:
            name, inside, member = where.partition(INSIDE)
            if not inside:
                try:
                    return read_file(f"{top}/{name}", last)
                except OSError as error:
                    if error.errno != errno.ELOOP:  # what a link ends with
                        raise
                return read_file(_target(top / name, top), last)
            if name not in read_inside:  # one archive at a time, for each holds its list of members
                archives.close()
                read_inside.clear()
                path = _target(top / name, top)
                read_inside[name] = archives.enter_context(reading_archive(path))
            return read_inside[name](member)

        yield read


def _target(path: Path, top: Path) -> Path:
    """What lies at `path`, or what it links to.

    Raises:
        ValueError: when that is not below `top`.
    """
    if not path.is_symlink():
        return path
    if wrong_target(path, top) is not None:
        raise ValueError("a link that leaves the folder")
    return path.resolve()


def _walk(top: Path, refused: list[Refusal], folders_met: list[str]) -> Iterator[str]:
    """Yield the relative path of every file; hidden and linked folders are not entered."""

    def unreadable(error: OSError) -> None:
        name = Path(error.filename).relative_to(top).as_posix()
        refused.append(Refusal(printable(name), "the folder cannot be opened"))

    for folder, folders, files in os.walk(top, onerror=unreadable):
        here = Path(folder)
        prefix = "" if here == top else here.relative_to(top).as_posix() + "/"
        for name in list(folders):
            hidden = name.startswith(".")
            if hidden or (here / name).is_symlink():
                why = HIDDEN_FOLDER if hidden else "a link to a folder"
                refused.append(Refusal(printable(prefix + name), why))
                folders.remove(name)
            elif name == "__MACOSX":
                refused.append(Refusal(printable(prefix + name), MACOS))
                folders.remove(name)
            elif printable(name) == name:
                folders_met.append(prefix + name)
        for name in files:
            yield prefix + name


def wrong_target(path: Path, top: Path) -> str | None:
    """Why what lies at `path` is not read, or None for a plain file below `top`."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        try:
            target = path.resolve(strict=True)
            mode = target.stat().st_mode
        except (OSError, RuntimeError):
            return "a link that leads nowhere"
        if not target.is_relative_to(top):
            return "a link that leaves the folder"
    return None if stat.S_ISREG(mode) else "not a plain file"


def read_file(path: Path | str, last: int = 0) -> bytes:
    """The content of a plain file whose links were resolved when it was listed.

    Args:
        last: how many bytes of its end alone are read; 0 for all.

    Raises:
        OSError, ValueError: when it cannot be read, is no plain file any more or too large.
    """
    # a link put there since is not followed, and O_NONBLOCK keeps a pipe put there since from
    # hanging the import
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a plain file")
        if status.st_size > MAX_BYTES:
            raise ValueError(f"{status.st_size:,} bytes are more than the {MAX_BYTES:,} allowed")
        if last:
            file.seek(max(0, status.st_size - last))
        return file.read()
