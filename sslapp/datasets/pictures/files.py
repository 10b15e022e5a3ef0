"""What sources of picture files have in common: which names are taken, and how they are read."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath

from sslapp.datasets.pictures.reading import FrameChoice
from sslapp.datasets.source import Item, Refusal, Share
from sslapp.imaging.frames import frame_count, frame_files
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
"""Usual names of folders of splits, and the split their images belong to."""

LONGEST_NAME = 1000
LONGEST_GROUP = 200
_NUMBER = re.compile(r"[0-9]+")
_UNSHOWABLE = {"Cc", "Cs", "Zl", "Zp"}  # controls, broken encodings, line separators

MACOS = "an entry that macOS adds"
HIDDEN = "a hidden file"
HIDDEN_FOLDER = "a hidden folder"
IN_HIDDEN = "in a hidden folder"
OF_WINDOWS = "an entry that Windows adds"
EMPTY_FOLDER = "a folder without a picture"
SYSTEM = frozenset({MACOS, HIDDEN, HIDDEN_FOLDER, IN_HIDDEN, OF_WINDOWS})
"""Reasons why what no person put there is left out; each is one line of the result."""

STUDY_SUFFIXES = frozenset({".dcm", ".dicom", ".dic", ".ima", ".nii", ".nii.gz"})
"""What DICOM and NIfTI files are called, if they are called by what they are."""

NO_PICTURE = "is not a picture type that is read"
"""How the reason ends why a file is refused by its suffix."""

_COUNTED_SUFFIX = re.compile(r"\.\d+")
"""Of names that DICOM files often have (IMG.001, 1.2.840.113619): it is no type."""

_OF_WINDOWS = {"thumbs.db", "ehthumbs.db", "desktop.ini"}

Read = Callable[[str], bytes]
"""Gives a file's content by its name; OSError or ValueError when it cannot."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A picture file and where it belongs; fields as in `source.Item`.

    `called` is the image's name where that is not the file's; `frame` is the number, from 1, of one
    of several images in the file, 0 for a file that is taken as it is.
    """

    name: str
    split: Split = Split.POOL
    class_name: str | None = None
    group: str | None = None
    called: str = ""
    frame: int = 0


class FilesSource:
    """An image source over named files, in the order given.

    Args:
        name: how the import is called.
        files: the files.
        refused: what is known not to be usable.
        reading: opens whatever holds the files for one pass over them.
        frames: REFUSE refuses files with several images; to take them all is up to `files`.
    """

    def __init__(
        self,
        name: str,
        files: Sequence[Placed],
        refused: list[Refusal],
        reading: Callable[[], AbstractContextManager[Read]],
        frames: FrameChoice = FrameChoice.FIRST,
    ) -> None:
        self.name = name
        self._frames = frames
        self.refused = refused
        self._files = files
        self._reading = reading
        found = natural_order({file.class_name for file in files if file.class_name is not None})
        self.class_names = found or None
        self._class_of = {class_name: number for number, class_name in enumerate(found)}

    @property
    def files(self) -> Sequence[Placed]:
        """The files and where they belong."""
        return self._files

    def __len__(self) -> int:
        return len(self._files)

    def items(self, start: int = 0) -> Iterator[Item | Refusal]:
        """Yield the files from index `start` on; one that cannot be read is a refusal."""
        with self._reading() as read:
            frames = _Frames(read)
            for place in range(start, len(self._files)):  # no slice: there may be very many
                file = self._files[place]
                try:
                    content = frames.read(file) if file.frame else read(file.name)
                except (OSError, ValueError) as error:
                    reason = str(error).removeprefix(f"{file.name}: ")
                    yield Refusal(file.called or file.name, f"it cannot be read ({reason})")
                    continue
                if self._frames is FrameChoice.REFUSE and (several := frame_count(content)) > 1:
                    yield Refusal(file.called or file.name, f"it holds {several:,} images")
                    continue
                yield Item(
                    name=file.called or file.name,
                    split=file.split,
                    true_class=None if file.class_name is None else self._class_of[file.class_name],
                    group=file.group,
                    content=content,
                )

    def shares(self) -> list[Share]:
        """See `source.CountedSource`."""
        found = Counter((file.split, file.class_name) for file in self._files)
        return [
            Share(split=split, class_name=class_name, count=count)
            for (split, class_name), count in found.items()
        ]


class _Frames:
    """Takes files with several images apart; the one under way is kept, for its frames follow."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._name = ""
        self._given = 0
        self._rest: Iterator[bytes] = iter(())

    def read(self, file: Placed) -> bytes:
        """The file's frame as a file of its own."""
        if file.name != self._name or file.frame <= self._given:
            self._name, self._given = file.name, 0
            self._rest = frame_files(self._read(file.name), file.name)
        for content in self._rest:
            self._given += 1
            if self._given == file.frame:
                return content
        raise ValueError("it has fewer images than when it was looked at")


def wrong_name(name: str) -> str | None:
    """Why a file of that relative path is not taken in, or None."""
    return wrong_path(name) or _wrong_suffix(_file(name))


def wrong_path(name: str) -> str | None:
    """Why a file of that relative path is not taken in whatever it holds, or None."""
    if printable(name) != name:
        return "its name has characters that cannot be shown; rename it"
    if len(name) > LONGEST_NAME:
        return f"its path has more than {LONGEST_NAME} letters"
    file = _file(name)
    if file.startswith("."):
        return HIDDEN
    return OF_WINDOWS if file.lower() in _OF_WINDOWS else None


def _file(name: str) -> str:
    """The last part of a path, by the rules of PurePosixPath, which takes longer."""
    last = name.rpartition("/")[2]
    return PurePosixPath(name).name if last in ("", ".") else last


def ending(file: str) -> str:
    """The suffix of a file's name in small letters, of which .nii.gz is one; "" for none."""
    dot = file.rfind(".")
    suffix = file[dot:].lower() if 0 < dot < len(file) - 1 else ""
    return ".nii.gz" if suffix == ".gz" and file[:dot].lower().endswith(".nii") else suffix


def _wrong_suffix(file: str) -> str | None:
    suffix = ending(file)
    if suffix in STUDY_SUFFIXES or suffix in SUFFIXES or _COUNTED_SUFFIX.fullmatch(suffix):
        return None
    if suffix:
        return f"{suffix} {NO_PICTURE}"
    return None


def natural_order(names: Iterable[str]) -> list[str]:
    """Sort as people count: 2.png before 10.png; what lies in one folder stays together."""
    return sorted(names, key=natural_key)


def natural_key(name: str) -> tuple[str, str]:
    """What `natural_order` sorts by."""
    return _NUMBER.sub(_counted, name.replace("/", "\0")), name


def _counted(number: re.Match[str]) -> str:
    """The number with how long it is before it: as text in the order of numbers."""
    digits = number.group().lstrip("0") or "0"
    return f"{len(digits):04}{digits}"


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
