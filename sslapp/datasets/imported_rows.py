"""What is known of each image that an import took in, packed: there may be very many."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from sslapp.vocabulary import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One imported image.

    Attributes:
        name: as the source calls it.
        sha256: of its decoded pixels (imaging.decode.pixel_sha256).
        original: sha256 of its file in the originals; None for a row of an array that `pixels`
            holds as it is.
        width, height: in pixels, upright, before fitting.
        colour: whether it has three channels.
        split: pool or test.
        group: patient, scene, or None.
        true_class: index into the source's class names, or None.
    """

    name: str
    sha256: str
    original: str | None
    width: int
    height: int
    colour: bool
    split: Split
    group: str | None
    true_class: int | None


class ImportedRows(Sequence[Row]):
    """Imported images in their order, a row made when it is asked for.

    A set may have a hundred thousand, of which each would take half a kilobyte as a Row.
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        self._groups: list[str | None] = []
        self._digests = bytearray()  # 64 bytes each: of pixels, of the original
        self._numbers = array("i")  # 5 each: width, height, class or -1, colour, kept
        self._splits: list[Split] = []

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...

    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        at = range(len(self))[place]
        pixels, original = (self._digests[64 * at + k : 64 * at + k + 32].hex() for k in (0, 32))
        width, height, class_number, colour, kept = self._numbers[5 * at : 5 * at + 5]
        return Row(
            name=self._names[at],
            sha256=pixels,
            original=original if kept else None,
            width=width,
            height=height,
            colour=bool(colour),
            split=self._splits[at],
            group=self._groups[at],
            true_class=class_number if class_number >= 0 else None,
        )

    def append(self, row: Row) -> None:
        """Add an image."""
        kept = row.original is not None
        class_number = -1 if row.true_class is None else row.true_class
        self._names.append(row.name)
        self._groups.append(row.group)
        self._digests += bytes.fromhex(row.sha256) + bytes.fromhex(row.original or "00" * 32)
        self._numbers.extend((row.width, row.height, class_number, row.colour, kept))
        self._splits.append(row.split)

    def keep(self, place: int, original: str) -> None:
        """Say what the image's original is."""
        self._digests[64 * place + 32 : 64 * place + 64] = bytes.fromhex(original)
        self._numbers[5 * place + 4] = 1

    def first_alike(self) -> NDArray[np.int64]:
        """(n,) the first image with the same pixels as each, which may be itself."""
        digests = np.frombuffer(bytes(self._digests), "V32").reshape(-1, 2)[:, 0]
        _, first, same = np.unique(digests, return_index=True, return_inverse=True)
        return first[same].astype(np.int64, copy=False)

    def has_original(self, place: int) -> bool:
        """Whether the image has an original of its own."""
        return bool(self._numbers[5 * place + 4])
