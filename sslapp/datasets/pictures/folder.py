"""A folder of picture files: its sub-folders are hidden true labels, a flat one has none.

Nothing outside the folder is ever read, whatever links lie in it.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from sslapp.datasets.pictures.files import (
    FilesSource,
    compiled,
    nothing,
    place,
    printable,
    wrong_name,
)
from sslapp.datasets.source import Refusal
from sslapp.imaging.decode import MAX_BYTES


def folder_source(root: Path, *, group_pattern: str | None = None) -> FilesSource:
    """List the picture files below `root`, in the order of their relative paths.

    Files directly in a folder that also has class folders have no true label. Folders called train,
    val, test and so on hold class folders when nothing else lies beside them; test files become the
    test split, all others pool.

    Args:
        root: the folder.
        group_pattern: regular expression searched in each file's name; its first bracket (or the
            whole match) is the file's group, as in r"(person\\d+)_".

    Raises:
        ValueError: when the folder is missing, holds no picture or the pattern is wrong.
    """
    if not root.is_dir():
        raise ValueError(f"{root}: there is no such folder.")
    pattern = compiled(group_pattern)
    top = root.resolve()
    found: dict[str, Path] = {}
    refused: list[Refusal] = []
    for name, path in sorted(_walk(top, refused)):
        reason = wrong_name(name) or wrong_target(path, top)
        if reason is None:
            found[name] = path.resolve() if path.is_symlink() else path
        else:
            refused.append(Refusal(printable(name), reason))
    if not found:
        raise nothing(root, refused)
    files = place(found, pattern, refused)
    refused.sort(key=lambda refusal: refusal.name)
    return FilesSource(
        top.name, files, refused, lambda: nullcontext(lambda name: read_file(found[name]))
    )


def _walk(top: Path, refused: list[Refusal]) -> Iterator[tuple[str, Path]]:
    """Yield (relative path, path) of every file; hidden and linked folders are not entered."""

    def unreadable(error: OSError) -> None:
        name = Path(error.filename).relative_to(top).as_posix()
        refused.append(Refusal(printable(name), "the folder cannot be opened"))

    for folder, folders, files in os.walk(top, onerror=unreadable):
        here = Path(folder)
        prefix = "" if here == top else here.relative_to(top).as_posix() + "/"
        for name in list(folders):
            hidden = name.startswith(".")
            if hidden or (here / name).is_symlink():
                why = "a hidden folder" if hidden else "a link to a folder"
                refused.append(Refusal(printable(prefix + name), why))
                folders.remove(name)
        for name in files:
            yield prefix + name, here / name


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


def read_file(path: Path) -> bytes:
    """The content of a plain file whose links were resolved when it was listed.

    Raises:
        OSError, ValueError: when it cannot be read, is no plain file any more or too large.
    """
    # a link put there since is not followed, and O_NONBLOCK keeps a pipe put there since from
    # hanging the import
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a plain file")
        if status.st_size > MAX_BYTES:
            raise ValueError(f"{status.st_size:,} bytes are more than the {MAX_BYTES:,} allowed")
        return file.read()
