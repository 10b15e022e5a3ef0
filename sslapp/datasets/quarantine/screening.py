"""A source of patients' images that keeps back those that may show a name."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sslapp.datasets.dicom.instances import SERIES, short
from sslapp.datasets.pictures.reading import TextChoice
from sslapp.datasets.quarantine.held_images import HeldImage, QuarantineWriter, Why
from sslapp.datasets.source import ImageSource, Item, PseudonymousSource, Refusal, SetAside
from sslapp.imaging.bundles import glance
from sslapp.imaging.dicom.seen import SeenFrame, seen_frames
from sslapp.imaging.rectangles import Rectangle
from sslapp.imaging.refused import RefusedFile
from sslapp.imaging.text.detector import TextDetector
from sslapp.vocabulary import Thing

SHOWS_TEXT = "text was found in its picture, which may be a name"
OTHER_PICTURES = (
    "the project has this series, study or patient already, with other pictures, and decisions may "
    "be about those; import what came later into a new project"
)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What is known of an image's frames."""

    series: str
    says_text: bool
    sizes: tuple[tuple[int, int], ...]
    boxes: tuple[tuple[Rectangle, ...], ...]

    @property
    def shows_text(self) -> bool:
        return any(self.boxes)


class ScreenedSource(PseudonymousSource):
    """The images of another source that show no text, as far as is known.

    Args:
        source: gives all images.
        choice: what becomes of those that may show text; None holds back what text is found in.
            Whatever it is, what is here already is not taken again.
        writer: takes what is held back.
        detector: finds text; None where the extra [ocr] is not installed.
        look: called before each image that is searched, with how many were; it may raise to stop.
    """

    def __init__(
        self,
        source: ImageSource,
        choice: TextChoice | None,
        writer: QuarantineWriter,
        detector: TextDetector | None,
        look: Callable[[int], None],
    ) -> None:
        assert isinstance(source, PseudonymousSource)
        self._source, self._of_patients = source, source
        self.takes_all = choice is TextChoice.TAKE
        self._leaves_out = choice is TextChoice.LEAVE_OUT
        self.writer, self._detector, self._look = writer, detector, look
        self._known: dict[str, _Seen] = {}
        self.class_names = source.class_names
        self.name, self.refused = source.name, source.refused
        self.facts: Mapping[str, Mapping[str, str]] = source.facts
        self.image_of, self.may_show_text = source.image_of, source.may_show_text
        self.here: Mapping[str, int] = {}
        self.searched = self.found = 0

    def __len__(self) -> int:
        return len(self._source)

    @property
    def dropped(self) -> Counter[str]:  # type: ignore[override]
        """See PseudonymousSource."""
        return self._of_patients.dropped

    def items(self, start: int = 0) -> Iterator[Item | Refusal]:
        """Yield the images; those that are kept back, or whose names are `here`, set aside."""
        for entry in self._source.items(start):
            yield self._screened(entry) if isinstance(entry, Item) else entry

    def restart(self, here: Mapping[str, int]) -> None:
        """Begin anew.

        Args:
            here: names of images that are in the project or held back already -> of how many
                pictures: an image is named by what it is of, and whether that was blacked out since
                makes it no other.
        """
        self.here = here
        self.searched = self.found = 0
        self.writer.start()

    def _screened(self, item: Item) -> Item | Refusal:
        if item.name in self.here:
            return self._known_already(item)
        if self.takes_all:
            return item
        assert item.content is not None
        try:
            seen = self._seen(item.name, item.content)
        except RefusedFile:
            return item  # the import says what is wrong with it
        self.searched += self._detector is not None
        self.found += seen.shows_text
        may_show_text = item.name in self.may_show_text
        if not may_show_text and not seen.shows_text:
            return item
        if self._leaves_out or self.image_of.thing in (Thing.STUDY, Thing.PATIENT):
            return Refusal(item.name, SHOWS_TEXT)
        why = Why.FOUND if not may_show_text else Why.HEADER if seen.says_text else Why.KIND
        image = HeldImage(
            name=item.name,
            split=item.split,
            group=item.group,
            facts=self.facts.get(item.name, {}),
            series=seen.series,
            label=short(seen.series, SERIES),
            why=why,
            sizes=seen.sizes,
            boxes=seen.boxes,
            file="",
        )
        self.writer.add(image, item.content)
        return SetAside(item.name, "it is held back")

    def _known_already(self, item: Item) -> Refusal:
        facts = glance(item.content or b"")
        if self.here[item.name] != (1 if facts is None else facts.count):
            return Refusal(item.name, OTHER_PICTURES)
        return SetAside(item.name, "it is here already", here=True)

    def _seen(self, name: str, content: bytes) -> _Seen:
        """What its frames show; searched once, however often the source is read."""
        if name not in self._known:
            if self._detector is None and name not in self.may_show_text:
                return _Seen(series="", says_text=False, sizes=(), boxes=())
            self._look(len(self._known))
            self._known[name] = self._looked(seen_frames(content, name))
        return self._known[name]

    def _looked(self, frames: Iterator[SeenFrame]) -> _Seen:
        series, says_text, sizes, boxes = "", False, [], []
        for each in frames:
            series, says_text = series or each.series, says_text or bool(each.says_text)
            height, width = each.picture.shape[:2]
            sizes.append((width, height))
            found = () if self._detector is None else self._detector.boxes(each.picture)
            boxes.append(tuple(found))
        return _Seen(series=series, says_text=says_text, sizes=tuple(sizes), boxes=tuple(boxes))
