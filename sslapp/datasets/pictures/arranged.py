"""The images of a listed folder or archive, as an import reads them: exactly what a look showed."""

from collections.abc import Iterator
from contextlib import contextmanager

from sslapp.datasets.pictures.copies import Copies, without_copies
from sslapp.datasets.pictures.files import FilesSource, Read, nothing
from sslapp.datasets.pictures.layout import layout
from sslapp.datasets.pictures.levels import Question
from sslapp.datasets.pictures.listing import Listing, Opened
from sslapp.datasets.pictures.reading import Reading


class OpenQuestions(ValueError):
    """A source whose folders may mean several things, of which nobody has chosen one."""

    def __init__(self, name: str, questions: list[Question]) -> None:
        told = " ".join(each.text for each in questions)
        super().__init__(
            f"{name}: {told} Say so with the import (--levels and --splits), or on its page."
        )
        self.questions = questions


def files_source(
    listing: Listing, reading: Reading, opened: Opened, copies: Copies | None = None
) -> FilesSource:
    """Read a listing as told.

    Args:
        opened: reads files by where they lie.
        copies: files with the same bytes, where they are known already; else they are looked for.

    Raises:
        OpenQuestions: when the reading leaves open what folders mean.
        ValueError: as `layout`; and when nothing is left.
    """
    found = layout(listing, reading)
    if found.questions:
        raise OpenQuestions(listing.name, found.questions)
    files, refused = without_copies(listing, found.files, opened, copies)
    refused = sorted(
        [*listing.refused, *found.left_out, *refused], key=lambda refusal: refusal.name
    )
    if not files:
        raise nothing(listing.name, refused)

    @contextmanager
    def reading_all() -> Iterator[Read]:
        with opened() as read:
            yield lambda name: read(listing.where.get(name, name))

    return FilesSource(listing.name, files, refused, reading_all, frames=found.reading.frames)
