"""What is known of each image that an import took in, packed: there may be very many."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from sslapp.datasets.texts import Texts
from sslapp.vocabulary import Split

_SPLITS = tuple(Split)
_KEPT, _COLOUR, _SPLIT = 1, 2, 4
"""Flags of a row, and the factor of its split's number."""


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

    Args:
        most: how many may come; their room is taken at once, for what grows by and by is moved
            and leaves holes.
    """

    def __init__(self, most: int) -> None:
        self._names = Texts()
        self._digests = bytearray(64 * most)  # of pixels, of the original
        self._numbers = array("i", [0]) * (5 * most)  # width, height, class, group or -1, flags
        self._groups: dict[str, int] = {}
        self._group_names: list[str] = []

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
        width, height, class_number, group, flags = self._numbers[5 * at : 5 * at + 5]
        return Row(
            name=self._names[at],
            sha256=pixels,
            original=original if flags & _KEPT else None,
            width=width,
            height=height,
            colour=bool(flags & _COLOUR),
            split=_SPLITS[flags // _SPLIT],
            group=self._group_names[group] if group >= 0 else None,
            true_class=class_number if class_number >= 0 else None,
        )

    @property
    def group_count(self) -> int:
        """How many groups the images belong to."""
        return len(self._group_names)

    def append(self, row: Row) -> None:
        """Add an image."""
        kept = row.original is not None
        flags = kept * _KEPT + row.colour * _COLOUR + _SPLITS.index(row.split) * _SPLIT
        class_number = -1 if row.true_class is None else row.true_class
        at = len(self)
        self._names.append(row.name)
        digests = bytes.fromhex(row.sha256) + bytes.fromhex(row.original or "00" * 32)
        self._digests[64 * at : 64 * at + 64] = digests
        numbers = row.width, row.height, class_number, self._group(row.group), flags
        for place, number in enumerate(numbers, 5 * at):
            self._numbers[place] = number

    def _group(self, name: str | None) -> int:
        if name is None:
            return -1
        if name not in self._groups:
            self._groups[name] = len(self._group_names)
            self._group_names.append(name)
        return self._groups[name]

    def keep(self, place: int, original: str) -> None:
        """Say what the image's original is."""
        self._digests[64 * place + 32 : 64 * place + 64] = bytes.fromhex(original)
        self._numbers[5 * place + 4] |= _KEPT

    def first_alike(self) -> NDArray[np.int64]:
        """(n,) the first image with the same pixels as each, which may be itself."""
        digests = np.frombuffer(self._digests, "V32").reshape(-1, 2)[: len(self), 0]
        starts = np.frombuffer(self._digests, np.int64).reshape(-1, 8)[: len(self), 0]
        firsts = np.arange(len(self))
        # nearly all differ in the first 8 of their 32 bytes, which take less room to compare
        ordered = np.sort(starts)
        suspects = np.flatnonzero(np.isin(starts, ordered[1:][ordered[1:] == ordered[:-1]]))
        _, first, same = np.unique(digests[suspects], return_index=True, return_inverse=True)
        firsts[suspects] = suspects[first[same]]
        return firsts

    def has_original(self, place: int) -> bool:
        """Whether the image has an original of its own."""
        return bool(self._numbers[5 * place + 4] & _KEPT)
