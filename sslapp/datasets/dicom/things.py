"""What becomes an image: a frame, slices of a series, or the pictures of a study or patient."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

from sslapp.datasets.dicom.instances import STUDY, Instance
from sslapp.imaging.bundles import quarters
from sslapp.imaging.dicom.geometry import SliceOrder, in_order
from sslapp.vocabulary import ImageOf, Slices, StackRule, Thing

Frame = tuple[Instance, int]
"""A file and one of its frames, from 0."""


@dataclass(frozen=True, eq=False)
class Series:
    """The frames of a series.

    Attributes:
        frames: in the order of the files.
        order: how they follow each other.
    """

    frames: Sequence[Frame]
    order: SliceOrder

    @property
    def slices(self) -> list[Frame]:
        """Those that follow each other, without scouts."""
        return [self.frames[at] for at in self.order.order]

    @property
    def first(self) -> Instance:
        """A file of it, for what all of them say."""
        return self.frames[0][0]


@dataclass(frozen=True, eq=False, slots=True)
class ChosenThing:
    """A thing to label, which becomes an image.

    Attributes:
        name: of the image, by pseudonyms.
        frames: its pictures, in their order; one or more.
        among: what they were chosen among.
        rule: what programs see of several slices; None of what is no stack.
    """

    name: str
    frames: Sequence[Frame]
    among: Sequence[Frame]
    rule: StackRule | None = None

    @property
    def patient(self) -> str:
        """Pseudonym of whom it shows."""
        return self.frames[0][0].patient

    @property
    def may_show_text(self) -> bool:
        """Whether one of its pictures may, or one that they were chosen among."""
        return any(each.may_show_text for each, _ in self.among)

    @property
    def facts(self) -> Mapping[str, str]:
        """What all its files say alike."""
        first, *others = [each.facts for each, _ in self.frames]
        return {
            heading: value
            for heading, value in first.items()
            if all(each.get(heading) == value for each in others)
        }


def series_of(instances: Sequence[Instance]) -> list[Series]:
    """The series of a source, patient by patient and study by study."""

    def key(each: Instance) -> tuple[str, str, str]:
        return each.patient, each.study, each.series

    found = []
    for _, members in groupby(sorted(instances, key=key), key):
        frames = [(each, at) for each in members for at in range(len(each.slices))]
        found.append(Series(frames, in_order([each.slices[at] for each, at in frames])))
    return found


def things(series: Sequence[Series], wanted: ImageOf) -> Iterator[ChosenThing]:
    """Yield what becomes images, series by series and in the order of the slices.

    Args:
        series: patient by patient and study by study.
        wanted: what one image is.
    """
    thing = wanted.thing
    if thing in (Thing.STUDY, Thing.PATIENT):
        yield from _pictures_together(series, thing)
        return
    for each in series:
        if thing is Thing.SERIES:
            yield _of_series(each, wanted)
            continue
        frames = [each.frames[at] for at in (*each.order.order, *each.order.scouts)]
        for frame in frames if thing is Thing.FRAME else _one_of_each(frames):
            yield _alone(frame)


def without_text(
    series: Sequence[Series], wanted: ImageOf
) -> tuple[list[ChosenThing], list[Instance]]:
    """What becomes images where nothing that may show text is to be among them.

    Of a study or patient the series are left out that may, and the others stay.

    Returns:
        what becomes images; of each thing or series that is left out the first file.
    """
    if wanted.thing in (Thing.STUDY, Thing.PATIENT):
        texts = [any(each.may_show_text for each, _ in found.slices) for found in series]
        clean = [each for each, text in zip(series, texts, strict=True) if not text]
        left_out = [each.first for each, text in zip(series, texts, strict=True) if text]
        return list(things(clean, wanted)), left_out
    chosen = list(things(series, wanted))
    left_out = [each.frames[0][0] for each in chosen if each.may_show_text]
    return [each for each in chosen if not each.may_show_text], left_out


def _alone(frame: Frame, among: Sequence[Frame] = ()) -> ChosenThing:
    instance, at = frame
    return ChosenThing(instance.called(at), [frame], among or [frame])


def _of_series(series: Series, wanted: ImageOf) -> ChosenThing:
    found = series.slices
    if wanted.slices is Slices.ONE:
        return _alone(found[_middle(found)], found)
    first = series.first
    name = f"{first.patient}/{first.modality}-{first.series}"
    frames = found
    if wanted.slices is Slices.THREE:
        frames = [found[at] for at in sorted(set(quarters(len(found))))]
    return ChosenThing(name, frames, found, wanted.rule)


def _pictures_together(series: Sequence[Series], thing: Thing) -> Iterator[ChosenThing]:
    """The pictures of each study or patient."""

    def key(each: Series) -> tuple[str, str]:
        return each.first.patient, each.first.study if thing is Thing.STUDY else ""

    for (patient, study), members in groupby(series, key):
        found = list(members)
        frames = list(chain.from_iterable(map(_seen_of, found)))
        among = list(chain.from_iterable(each.slices for each in found))
        name = f"{patient}/{STUDY}{study}" if study else patient
        yield ChosenThing(name, frames, among)


def _seen_of(series: Series) -> list[Frame]:
    """What is seen of a series among others: of a stack its middle slice, else a frame a file."""
    found = series.slices
    return [found[_middle(found)]] if series.order.places else list(_one_of_each(found))


def _middle(frames: Sequence[Frame]) -> int:
    """Of an even number the one before."""
    return (len(frames) - 1) // 2


def _one_of_each(frames: Sequence[Frame]) -> Iterator[Frame]:
    """The middle frame of each file, as the frames follow each other."""
    of_file: dict[int, list[Frame]] = {}
    for each in frames:
        of_file.setdefault(each[0].number, []).append(each)
    for found in of_file.values():
        yield found[_middle(found)]
