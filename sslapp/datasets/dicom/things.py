"""What becomes an image: each frame, one frame of a file, or one slice of a series."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from sslapp.datasets.dicom.instances import Instance
from sslapp.imaging.dicom.geometry import SliceOrder, in_order
from sslapp.vocabulary import Thing

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
    def middle(self) -> Frame:
        """The slice in the middle of the order; of an even number the one before it."""
        order = self.order.order
        return self.frames[order[(len(order) - 1) // 2]]


def series_of(instances: Sequence[Instance]) -> list[Series]:
    """The series of a source, patient by patient and study by study."""

    def key(each: Instance) -> tuple[str, str, str]:
        return each.patient, each.study, each.series

    found = []
    for _, members in groupby(sorted(instances, key=key), key):
        frames = [(each, at) for each in members for at in range(len(each.slices))]
        found.append(Series(frames, in_order([each.slices[at] for each, at in frames])))
    return found


def things(series: Sequence[Series], thing: Thing) -> Iterator[Frame]:
    """Yield the frames that become images, series by series and in the order of the slices.

    Scouts come after the slices they are of.
    """
    for each in series:
        if thing is Thing.SERIES:
            yield each.middle
            continue
        frames = [each.frames[at] for at in (*each.order.order, *each.order.scouts)]
        if thing is Thing.FRAME:
            yield from frames
        else:
            yield from _one_of_each(frames)


def _one_of_each(frames: Sequence[Frame]) -> Iterator[Frame]:
    """The middle frame of each file, as the frames follow each other."""
    of_file: dict[int, list[Frame]] = {}
    for each in frames:
        of_file.setdefault(each[0].number, []).append(each)
    for found in of_file.values():
        yield found[(len(found) - 1) // 2]
