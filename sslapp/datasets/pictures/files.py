"""What sources of picture files have in common: which names are taken, and what a path says.

cat/1.png, dog/old/2.png          sub-folders are hidden true labels: classes cat and dog
train/cat/1.png, test/dog/2.png   the same, with the test images kept apart
1.png                             no class
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath

from sslapp.datasets.source import Item, Refusal
from sslapp.vocabulary import Split

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".webp", ".bmp", ".gif"}
    | {".pgm", ".ppm", ".pnm"}
)
"""What picture files are called; a file without a suffix is tried as well."""

SPLITS = {
    "train": Split.POOL,
    "training": Split.POOL,
    "val": Split.POOL,
    "valid": Split.POOL,
    "validation": Split.POOL,
    "test": Split.TEST,
    "testing": Split.TEST,
}
"""Names of folders that hold class folders, and of the split their images belong to."""

LONGEST_NAME = 1000
LONGEST_GROUP = 200
_UNSHOWABLE = {"Cc", "Cs", "Zl", "Zp"}  # controls, broken encodings, line separators

Read = Callable[[str], bytes]
"""Gives a file's content by its name; OSError or ValueError when it cannot."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A picture file and where it belongs; fields as in `source.Item`.

    `called` is the image's name where that is not the file's.
    """

    name: str
    split: Split = Split.POOL
    class_name: str | None = None
    group: str | None = None
    called: str = ""


class FilesSource:
    """An image source over named files, in the order given.

    Args:
        name: how the import is called.
        files: the files.
        refused: what is known not to be usable.
        reading: opens whatever holds the files for one pass over them.
    """

    def __init__(
        self,
        name: str,
        files: Sequence[Placed],
        refused: list[Refusal],
        reading: Callable[[], AbstractContextManager[Read]],
    ) -> None:
        self.name = name
        self.refused = refused
        self._files = files
        self._reading = reading
        found = sorted({file.class_name for file in files if file.class_name is not None})
        self.class_names = found or None
        self._class_of = {class_name: number for number, class_name in enumerate(found)}

    def __len__(self) -> int:
        return len(self._files)

    def items(self, start: int = 0) -> Iterator[Item | Refusal]:
        """Yield the files from index `start` on; one that cannot be read is a refusal."""
        with self._reading() as read:
            for file in self._files[start:]:
                try:
                    content = read(file.name)
                except (OSError, ValueError) as error:
                    yield Refusal(file.name, f"it cannot be read ({error})")
                    continue
                yield Item(
                    name=file.called or file.name,
                    split=file.split,
                    true_class=None if file.class_name is None else self._class_of[file.class_name],
                    group=file.group,
                    content=content,
                )


def place(
    names: Iterable[str], group_pattern: re.Pattern[str] | None, refused: list[Refusal]
) -> list[Placed]:
    """What each path says of its file; a file whose group is too long is added to `refused`.

    Folders of SPLITS hold class folders when nothing else lies beside them.
    """
    paths = {name: PurePosixPath(name).parts for name in names}
    has_splits = {parts[0].lower() for parts in paths.values()} <= SPLITS.keys()
    placed = []
    for name, (*folders, _) in paths.items():
        group = _group(group_pattern, name)
        if group is not None and len(group) > LONGEST_GROUP:
            refused.append(Refusal(name, f"its group has more than {LONGEST_GROUP} letters"))
            continue
        split = SPLITS[folders.pop(0).lower()] if has_splits and folders else Split.POOL
        placed.append(Placed(name, split, folders[0] if folders else None, group))
    return placed


def wrong_name(name: str) -> str | None:
    """Why a file of that relative path is not taken in, or None."""
    suffix = PurePosixPath(name).suffix.lower()
    if printable(name) != name:
        return "its name has characters that cannot be shown; rename it"
    if len(name) > LONGEST_NAME:
        return f"its path has more than {LONGEST_NAME} letters"
    if PurePosixPath(name).name.startswith("."):
        return "a hidden file"
    if suffix and suffix not in SUFFIXES:
        return f"{suffix} is not a picture type that is read"
    return None


def printable(name: str) -> str:
    """The name with everything escaped that a page or a database could not hold."""
    if name.isprintable():
        return name
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _UNSHOWABLE else c
        for c in name
    )


def compiled(group_pattern: str | None) -> re.Pattern[str] | None:
    """The pattern that finds a file's group in its name.

    Raises:
        ValueError: when it is no regular expression.
    """
    if group_pattern is None:
        return None
    try:
        return re.compile(group_pattern)
    except re.error as error:
        raise ValueError(
            f'The group pattern "{group_pattern}" is no regular expression: {error}.'
        ) from None


def nothing(where: object, refused: Sequence[Refusal]) -> ValueError:
    """The error for a source that holds no picture at all."""
    first = f" The first: {refused[0].name}: {refused[0].reason}." if refused else ""
    return ValueError(
        f"{where}: no picture file in it ({len(refused)} others). Pictures are called "
        f"{', '.join(sorted(SUFFIXES))}.{first}"
    )


def _group(pattern: re.Pattern[str] | None, name: str) -> str | None:
    match = pattern.search(PurePosixPath(name).name) if pattern else None
    if match is None:
        return None
    return (match.group(1) if match.re.groups else match.group(0)) or None
