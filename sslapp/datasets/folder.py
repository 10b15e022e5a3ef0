"""A folder of picture files: its sub-folders are hidden true labels, a flat one has none.

    images/cat/1.png, images/dog/old/2.png      classes cat and dog
    images/train/cat/1.png, images/test/dog/…   the same, with the test images kept apart
    images/1.png                                no classes

Nothing outside the folder is ever read, whatever links lie in it.
"""

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sslapp.datasets.source import Item, Refusal
from sslapp.imaging.decode import MAX_BYTES
from sslapp.vocabulary import Split

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".webp", ".bmp", ".gif"}
    | {".pgm", ".ppm", ".pnm"}
)
"""What picture files are called; a file without a suffix is tried as well."""

LONGEST_NAME = 1000
LONGEST_GROUP = 200
_UNSHOWABLE = {"Cc", "Cs", "Zl", "Zp"}  # controls, broken encodings, line separators
_SPLIT_FOLDERS = {
    "train": Split.POOL,
    "training": Split.POOL,
    "val": Split.POOL,
    "valid": Split.POOL,
    "validation": Split.POOL,
    "test": Split.TEST,
    "testing": Split.TEST,
}


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    name: str
    split: Split
    class_name: str | None
    group: str | None


class FolderSource:
    """An image source over the files below one folder, in the order of their relative paths."""

    def __init__(self, name: str, files: list[_File], refused: list[Refusal]) -> None:
        self.name = name
        self.refused = refused
        self._files = files
        found = sorted({file.class_name for file in files if file.class_name is not None})
        self.class_names = found or None
        self._class_of = {class_name: number for number, class_name in enumerate(found)}

    def __len__(self) -> int:
        return len(self._files)

    def items(self, start: int = 0) -> Iterator[Item | Refusal]:
        """Yield the files from index `start` on; one that cannot be read is a refusal."""
        for file in self._files[start:]:
            try:
                content = _read(file.path)
            except (OSError, ValueError) as error:
                yield Refusal(file.name, f"it cannot be read ({error})")
                continue
            yield Item(
                name=file.name,
                split=file.split,
                true_class=None if file.class_name is None else self._class_of[file.class_name],
                group=file.group,
                content=content,
            )


def folder_source(root: Path, *, group_pattern: str | None = None) -> FolderSource:
    """List the picture files below `root`.

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
    pattern = _pattern(group_pattern)
    top = root.resolve()
    found: list[tuple[str, Path]] = []
    refused: list[Refusal] = []
    for name, path in sorted(_walk(top, refused)):
        reason = _why_not(name, path, top)
        if reason is None:
            found.append((name, path.resolve() if path.is_symlink() else path))
        else:
            refused.append(Refusal(_printable(name), reason))
    if not found:
        raise ValueError(
            f"{root}: no picture file in it ({len(refused)} others). Pictures are called "
            f"{', '.join(sorted(SUFFIXES))}."
        )
    has_splits = {PurePosixPath(name).parts[0].lower() for name, _ in found} <= set(_SPLIT_FOLDERS)
    files = []
    for name, path in found:
        group = _group(pattern, name)
        if group is not None and len(group) > LONGEST_GROUP:
            refused.append(Refusal(name, f"its group has more than {LONGEST_GROUP} letters"))
            continue
        files.append(_file(name, path, has_splits, group))
    refused.sort(key=lambda refusal: refusal.name)
    return FolderSource(top.name, files, refused)


def _walk(top: Path, refused: list[Refusal]) -> Iterator[tuple[str, Path]]:
    """Yield (relative path, path) of every file; hidden and linked folders are not entered."""

    def unreadable(error: OSError) -> None:
        name = Path(error.filename).relative_to(top).as_posix()
        refused.append(Refusal(_printable(name), "the folder cannot be opened"))

    for folder, folders, files in os.walk(top, onerror=unreadable):
        here = Path(folder)
        prefix = "" if here == top else here.relative_to(top).as_posix() + "/"
        for name in list(folders):
            hidden = name.startswith(".")
            if hidden or (here / name).is_symlink():
                why = "a hidden folder" if hidden else "a link to a folder"
                refused.append(Refusal(_printable(prefix + name), why))
                folders.remove(name)
        for name in files:
            yield prefix + name, here / name


def _why_not(name: str, path: Path, top: Path) -> str | None:
    """Why the file cannot be taken, or None."""
    return _wrong_name(name) or _wrong_target(path, top)


def _wrong_name(name: str) -> str | None:
    suffix = PurePosixPath(name).suffix.lower()
    if _printable(name) != name:
        return "its name has characters that cannot be shown; rename it"
    if len(name) > LONGEST_NAME:
        return f"its path has more than {LONGEST_NAME} letters"
    if PurePosixPath(name).name.startswith("."):
        return "a hidden file"
    if suffix and suffix not in SUFFIXES:
        return f"{suffix} is not a picture type that is read"
    return None


def _wrong_target(path: Path, top: Path) -> str | None:
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


def _printable(name: str) -> str:
    """The name with everything escaped that a page or a database could not hold."""
    if name.isprintable():
        return name
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _UNSHOWABLE else c
        for c in name
    )


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(f'The group pattern "{text}" is no regular expression: {error}.') from None


def _group(pattern: re.Pattern[str] | None, name: str) -> str | None:
    match = pattern.search(PurePosixPath(name).name) if pattern else None
    if match is None:
        return None
    return (match.group(1) if match.re.groups else match.group(0)) or None


def _file(name: str, path: Path, has_splits: bool, group: str | None) -> _File:
    *folders, _ = PurePosixPath(name).parts
    split = Split.POOL
    if has_splits and folders:
        split = _SPLIT_FOLDERS[folders.pop(0).lower()]
    return _File(path, name, split, folders[0] if folders else None, group)


def _read(path: Path) -> bytes:
    # The path was resolved when it was listed; a link put there since is not followed, and
    # O_NONBLOCK keeps a pipe put there since from hanging the import.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a plain file")
        if status.st_size > MAX_BYTES:
            raise ValueError(f"{status.st_size:,} bytes are more than the {MAX_BYTES:,} allowed")
        return file.read()
