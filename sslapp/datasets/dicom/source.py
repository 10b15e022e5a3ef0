"""A folder or archive of DICOM files as an image source: de-identified, grouped by patient."""

from collections import Counter
from collections.abc import Callable, Iterator

from sslapp.datasets.dicom.asking import MAY_SHOW_TEXT, asks_of_text, check_reading
from sslapp.datasets.dicom.index import DicomIndex, called, index, reason
from sslapp.datasets.dicom.studies import open_study
from sslapp.datasets.dicom.summary import outlined
from sslapp.datasets.dicom.things import ChosenThing, Frame, things, without_text
from sslapp.datasets.pace import seconds_of_image
from sslapp.datasets.pictures.arranged import OpenQuestions
from sslapp.datasets.pictures.listing import Listing, Opened
from sslapp.datasets.pictures.reading import Reading, TextChoice
from sslapp.datasets.pictures.watch import UNWATCHED, Watch
from sslapp.datasets.source import Item, PseudonymousSource, Refusal, Share
from sslapp.imaging.bundles import bundled
from sslapp.imaging.dicom.deidentification.cleaning import cleaned
from sslapp.imaging.dicom.opening import DicomFile, refusing
from sslapp.imaging.dicom.pixels.single import single_frame
from sslapp.imaging.refused import RefusedFile
from sslapp.vocabulary import Split


class DicomSource(PseudonymousSource):
    """An image source over indexed DICOM files; yields de-identified ones.

    Args:
        found: the files.
        opened: reads them.
        secret: that they were indexed under.
        reading: what becomes an image, and whether what may show text is left out.
    """

    class_names: list[str] | None = None

    def __init__(self, found: DicomIndex, opened: Opened, secret: bytes, reading: Reading) -> None:
        self.image_of = reading.image_of
        self._things, texts = without_text(found.series, self.image_of)
        if reading.burned_in in (TextChoice.TAKE, TextChoice.HOLD_BACK):
            self._things, texts = list(things(found.series, self.image_of)), []
        self._opened, self._secret, self._names = opened, secret, found.names
        self.name = found.title
        self.refused = [
            *found.refused,
            *(Refusal(called(each.number), MAY_SHOW_TEXT) for each in texts),
        ]
        self.dropped = Counter()
        self.may_show_text = frozenset(each.name for each in self._things if each.may_show_text)
        self.facts = {each.name: each.facts for each in self._things}

    def __len__(self) -> int:
        return len(self._things)

    def items(self, start: int = 0) -> Iterator[Item | Refusal]:
        """Yield the images from index `start` on; a file that changed since is a refusal."""
        self.dropped = Counter()
        with self._opened.whole() as read:
            files = _Files(lambda number: read(self._names[number]))
            for thing in self._things[start:]:
                try:
                    yield self._item(files, thing)
                except RefusedFile as error:
                    yield Refusal(thing.name, reason(error))
                except (OSError, ValueError):
                    yield Refusal(thing.name, "it cannot be read")

    def _item(self, files: "_Files", thing: ChosenThing) -> Item:
        pictures = (self._cleaned(files, each) for each in thing.frames)
        number = len(thing.frames)
        content = (
            next(pictures) if number == 1 else bundled(pictures, number, thing.rule, thing.name)
        )
        return Item(name=thing.name, split=Split.POOL, group=thing.patient, content=content)

    def _cleaned(self, files: "_Files", frame: Frame) -> bytes:
        """One frame as a de-identified file of its own."""
        instance, at = frame
        file = files.opened(instance.number, instance.called(at))
        with refusing(file.name):
            alone = single_frame(file, at)
        content, report = cleaned(alone, self._secret)
        self.dropped.update(report.dropped)
        return content

    def shares(self) -> list[Share]:
        """See `source.CountedSource`."""
        return [Share(split=Split.POOL, class_name=None, count=len(self))] if len(self) else []


class _Files:
    """Opens files by their numbers, and holds the last one: several frames may be of it.

    Args:
        read: gives the content of a file.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._last: tuple[int, DicomFile] | None = None

    def opened(self, number: int, name: str) -> DicomFile:
        """The file with a number; messages call it by a name."""
        if self._last is None or self._last[0] != number:
            self._last = None  # first let go of it: a file may be large
            self._last = number, open_study(self._read(number), name)
        return self._last[1]


def seconds_of_picture(found: DicomIndex, opened: Opened, secret: bytes) -> float | None:
    """What a picture takes to be read, de-identified, decoded and made small, by a few of them."""
    source = DicomSource(found, opened, secret, Reading(burned_in=TextChoice.TAKE))
    return seconds_of_image(
        each.image() if isinstance(each, Item) else None for each in source.items()
    )


def dicom_source(
    listing: Listing, opened: Opened, reading: Reading, secret: bytes, watch: Watch = UNWATCHED
) -> DicomSource:
    """The DICOM files of a listing, as told.

    Raises:
        OpenQuestions: when some may show text, and nobody said what becomes of them.
        ValueError: when no picture is in it, or the reading says something of folders.
    """
    check_reading(reading)
    found = index(listing, opened, secret, watch)
    outline = outlined(found)
    if questions := asks_of_text(outline, reading.image_of.thing, reading.burned_in):
        raise OpenQuestions(found.title, questions)
    return DicomSource(found, opened, secret, reading)
