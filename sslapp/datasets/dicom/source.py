"""A folder or archive of DICOM files as an image source: de-identified, grouped by patient."""

from collections import Counter
from collections.abc import Iterator

from sslapp.datasets.dicom.asking import MAY_SHOW_TEXT, asks_of_text, check_reading
from sslapp.datasets.dicom.index import DicomIndex, called, index, reason
from sslapp.datasets.dicom.instances import Instance
from sslapp.datasets.dicom.studies import open_study
from sslapp.datasets.dicom.summary import outlined
from sslapp.datasets.dicom.things import things
from sslapp.datasets.pictures.arranged import OpenQuestions
from sslapp.datasets.pictures.listing import Listing, Opened
from sslapp.datasets.pictures.reading import Reading, TextChoice
from sslapp.datasets.pictures.watch import UNWATCHED, Watch
from sslapp.datasets.source import Item, PseudonymousSource, Refusal, Share
from sslapp.imaging.dicom.deidentification.cleaning import cleaned
from sslapp.imaging.dicom.opening import DicomFile, refusing
from sslapp.imaging.dicom.pixels.single import single_frame
from sslapp.imaging.refused import RefusedFile
from sslapp.vocabulary import Split, Thing


class DicomSource(PseudonymousSource):
    """An image source over indexed DICOM files; yields de-identified ones.

    Args:
        found: the files.
        opened: reads them.
        secret: that they were indexed under.
        thing: what becomes an image.
        takes_text: whether to take what may show text that is burned in.
    """

    class_names: list[str] | None = None

    def __init__(
        self, found: DicomIndex, opened: Opened, secret: bytes, thing: Thing, *, takes_text: bool
    ) -> None:
        chosen = list(things(found.series, thing))
        texts = [] if takes_text else [each for each in chosen if each[0].may_show_text]
        self._frames = [each for each in chosen if takes_text or not each[0].may_show_text]
        self._opened, self._secret, self._names = opened, secret, found.names
        self.name = found.title
        self.thing = thing
        self.refused = [
            *found.refused,
            *(Refusal(called(each.number), MAY_SHOW_TEXT) for each, _ in texts),
        ]
        self.dropped = Counter()
        self.facts = {each.called(frame): each.facts for each, frame in self._frames}

    def __len__(self) -> int:
        return len(self._frames)

    def items(self, start: int = 0) -> Iterator[Item | Refusal]:
        """Yield the images from index `start` on; a file that changed since is a refusal."""
        self.dropped = Counter()
        last: tuple[int, DicomFile] | None = None
        with self._opened.whole() as read:
            for instance, frame in self._frames[start:]:
                name = instance.called(frame)
                try:
                    if last is None or last[0] != instance.number:
                        last = None  # first let go of it: a file may be large
                        content = read(self._names[instance.number])
                        last = instance.number, open_study(content, name)
                    yield self._item(last[1], instance, frame)
                except RefusedFile as error:
                    yield Refusal(name, reason(error))
                except (OSError, ValueError):
                    yield Refusal(name, "it cannot be read")

    def _item(self, file: DicomFile, instance: Instance, frame: int) -> Item:
        with refusing(file.name):
            alone = single_frame(file, frame)
        content, report = cleaned(alone, self._secret)
        self.dropped.update(report.dropped)
        return Item(
            name=instance.called(frame),
            split=Split.POOL,
            group=instance.patient,
            content=content,
        )

    def shares(self) -> list[Share]:
        """See `source.CountedSource`."""
        return [Share(split=Split.POOL, class_name=None, count=len(self))] if len(self) else []


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
    thing = reading.thing or Thing.INSTANCE
    if questions := asks_of_text(outlined(found), thing, reading.burned_in):
        raise OpenQuestions(found.title, questions)
    takes_text = reading.burned_in is TextChoice.TAKE
    return DicomSource(found, opened, secret, thing, takes_text=takes_text)
