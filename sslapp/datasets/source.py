"""What an image source is: an ordered stream of images, and of refusals where there is none."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sslapp.imaging.decode import decode
from sslapp.imaging.intensities import OF_THE_IMAGE, IntensityMapping
from sslapp.vocabulary import ImageOf, Split


@dataclass(frozen=True)
class Refusal:
    """Something a source names but cannot give.

    Attributes:
        name: the file or row.
        reason: one sentence for the reader.
        count: how many there are of it, where one stands for all.
    """

    name: str
    reason: str
    count: int = 1


@dataclass(frozen=True)
class SetAside(Refusal):
    """An image that is not taken in, without any fault of its own.

    Attributes:
        here: whether the project has it already, else it is held back in the quarantine.
    """

    here: bool = False


@dataclass(frozen=True, kw_only=True)
class Item:
    """One image of a source; it comes as a file (`content`) or as an array (`array`).

    Attributes:
        name: unique in the source.
        split: pool or test.
        true_class: index into the source's class names, or None.
        group: what must not be torn apart (a patient, a scene), or None.
        content: the original file, or None for a row of an array.
        array: (H, W) or (H, W, 3) uint8, or None for a file that is still to be decoded. Rows of
            deeper arrays come as TIFF files, so that what is kept of them is what was seen.
    """

    name: str
    split: Split
    true_class: int | None = None
    group: str | None = None
    content: bytes | None = None
    array: NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)

    def image(self, intensities: IntensityMapping = OF_THE_IMAGE) -> NDArray[np.uint8]:
        """The pixels, (H, W) or (H, W, 3) uint8; a file is decoded at each call.

        Args:
            intensities: of a file with more than 8 bits a sample.

        Raises:
            imaging.decode.RefusedFile: when the file cannot be decoded.
        """
        if self.array is not None:
            return self.array
        return decode(self.content or b"", self.name, intensities)


@dataclass(frozen=True, kw_only=True)
class Share:
    """Images of a source that have split and class in common.

    Attributes:
        class_name: None for those without a class.
        count: how many.
    """

    split: Split
    class_name: str | None
    count: int


class ImageSource(Protocol):
    """An ordered set of images that is read as a stream.

    Attributes:
        name: how the import is called.
        class_names: names of the true classes, or None when the source has no true labels.
        refused: what is known to be unusable before reading; not part of `items`.
    """

    name: str
    class_names: list[str] | None
    refused: list[Refusal]

    def __len__(self) -> int:
        """How many entries `items()` yields."""

    def items(self, start: int = 0) -> Iterator[Item | Refusal]:
        """Yield the entries from index `start` on, always in the same order, few at a time."""


class PseudonymousSource:
    """A source of images of patients, whose files' names are to be kept nowhere.

    Attributes:
        name: how the import is called, without any name of the source.
        facts: name of an image -> heading -> what may become metadata.
        image_of: what an image is.
        dropped: of the images given so far, how often an element of their files was left out, by
            what the standard calls it.
        may_show_text: names of the images of whose files the headers say so, or whose kind often
            does.
    """

    name: str
    facts: Mapping[str, Mapping[str, str]]
    image_of: ImageOf
    dropped: Counter[str]
    may_show_text: frozenset[str] = frozenset()


class CountedSource(ImageSource, Protocol):
    """A source that knows what it holds before it is read."""

    def shares(self) -> list[Share]:
        """How many images of which split and class there are, by the source's own account."""
