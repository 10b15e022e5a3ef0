"""Listed picture files and where they belong, packed: there may be a hundred thousand."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from sslapp.datasets.pictures.files import Placed
from sslapp.vocabulary import Split


@dataclass(frozen=True, slots=True)
class Belonging:
    """What many files have in common; fields as in `Placed`.

    `wrapped` is how many letters of a file's name go before what the image is called.
    """

    split: Split = Split.POOL
    class_name: str | None = None
    group: str | None = None
    wrapped: int = 0


class PlacedFiles(Sequence[Placed]):
    """Files of a listing, in its order; a Placed is made when it is asked for.

    Args:
        names: all of the listing.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._places = array("I")
        self._kinds = array("I")
        self._known: list[Belonging] = []
        self._numbers: dict[Belonging, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Placed: ...

    @overload
    def __getitem__(self, at: slice) -> list[Placed]: ...

    def __getitem__(self, at: int | slice) -> Placed | list[Placed]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        name, known = self._names[self._places[at]], self._known[self._kinds[at]]
        called = name[known.wrapped :] if known.wrapped else ""
        return Placed(name, known.split, known.class_name, known.group, called)

    @property
    def places(self) -> NDArray[np.int64]:
        """(n,) where each stands in the listing."""
        return np.array(self._places, np.int64)

    def belongings(self) -> Iterator[Belonging]:
        """What is known of each, without its name."""
        return (self._known[kind] for kind in self._kinds)

    def counts(self) -> list[tuple[Belonging, int]]:
        """What some have in common, and how many; what comes first in the listing first."""
        counts = np.bincount(np.array(self._kinds, np.int64), minlength=len(self._known)).tolist()
        return [each for each in zip(self._known, counts, strict=True) if each[1]]

    def append(self, place: int, belonging: Belonging) -> None:
        """Add the file that stands at `place` in the listing."""
        number = self._numbers.get(belonging)
        if number is None:
            number = self._numbers[belonging] = len(self._known)
            self._known.append(belonging)
        self._places.append(place)
        self._kinds.append(number)

    def only(self, kept: NDArray[np.bool_]) -> "PlacedFiles":
        """Some of them.

        Args:
            kept: (n,).
        """
        some = PlacedFiles(self._names)
        some._known, some._numbers = self._known, self._numbers
        for at in np.flatnonzero(kept).tolist():
            some._places.append(self._places[at])
            some._kinds.append(self._kinds[at])
        return some
