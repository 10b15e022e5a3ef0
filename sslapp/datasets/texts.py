"""Many short texts in their order, such as the names of a hundred thousand files."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import overload


class Texts(Sequence[str]):
    """Texts, packed: as a list of str each would take sixty bytes more.

    Args:
        texts: the first ones.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._written = bytearray()
        self._ends = array("Q")
        for each in texts:
            self.append(each)

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        if place < 0:
            place += len(self)
        end = self._ends[place]
        begin = self._ends[place - 1] if place else 0
        return self._written[begin:end].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        begin = 0
        for end in self._ends:
            yield self._written[begin:end].decode("utf-8", "surrogatepass")
            begin = end

    def append(self, text: str) -> None:
        """Add a text."""
        self._written += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._written))
