"""The images of a listed folder or archive, as an import reads them: exactly what a look showed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import PurePosixPath

from sslapp.datasets.pictures.copies import Copies, without_copies
from sslapp.datasets.pictures.files import EMPTY_FOLDER, FilesSource, Placed, Read, nothing
from sslapp.datasets.pictures.layout import layout
from sslapp.datasets.pictures.levels import Question
from sslapp.datasets.pictures.listing import Listing, Opened
from sslapp.datasets.pictures.reading import FrameChoice, Reading
from sslapp.datasets.source import Refusal
from sslapp.imaging.frames import MOST_FRAMES, frame_count

_SINGLE = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".pgm", ".ppm", ".pnm"})
"""What files are called that hold one image."""


class OpenQuestions(ValueError):
    """A source whose folders may mean several things, of which nobody has chosen one."""

    def __init__(self, name: str, questions: list[Question]) -> None:
        told = " ".join(each.text for each in questions)
        of_text = any(each.about == "burned_in" for each in questions)
        super().__init__(
            f"{name}: {told} Say so with the import "
            f"({'--burned-in' if of_text else '--levels, --test and --pool'}), or on its page."
        )
        self.questions = questions


def files_source(
    listing: Listing, reading: Reading, opened: Opened, copies: Copies | None = None
) -> FilesSource:
    """Read a listing as told.

    Args:
        opened: reads files.
        copies: files with the same bytes, where they are known already; else they are looked for.

    Raises:
        OpenQuestions: when the reading leaves open what folders mean.
        ValueError: as `layout`; and when nothing is left.
    """
    found = layout(listing, reading)
    if found.questions:
        raise OpenQuestions(listing.name, found.questions)
    files, refused = without_copies(listing, found.files, opened, copies)
    empty = [Refusal(name, EMPTY_FOLDER) for name in listing.empty]
    refused = sorted(
        [*listing.refused, *found.left_out, *refused, *empty], key=lambda refusal: refusal.name
    )
    if not files:
        raise nothing(listing.name, refused)

    where = listing.where  # alone is kept, for the listing may be long

    @contextmanager
    def reading_all() -> Iterator[Read]:
        with opened.whole() as read:
            yield lambda name: read(where.get(name, name))

    frames = found.reading.frames
    placed = _all_frames(files, reading_all) if frames is FrameChoice.ALL else files
    return FilesSource(listing.name, placed, refused, reading_all, frames)


def _all_frames(
    files: Sequence[Placed], opened: Callable[[], AbstractContextManager[Read]]
) -> list[Placed]:
    """Each image of each file by itself, called name#1, name#2, ..."""
    found: list[Placed] = []
    with opened() as read:
        for file in files:
            count = _frames(read, file.name)
            if count == 1:
                found.append(file)
                continue
            called = file.called or file.name
            found += [
                replace(file, called=f"{called}#{frame}", frame=frame)
                for frame in range(1, count + 1)
            ]
    return found


def _frames(read: Read, name: str) -> int:
    if PurePosixPath(name).suffix.lower() in _SINGLE:
        return 1
    try:
        return min(frame_count(read(name)), MOST_FRAMES + 1)
    except (OSError, ValueError):
        return 1  # the import says so
