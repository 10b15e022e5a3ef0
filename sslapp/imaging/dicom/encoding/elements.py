"""The data elements of a file, walked one by one (PS3.5, sections 7.1 and 7.5).

Nothing is kept of what is walked over: a file that claims a million elements costs time, of which
there is a limit, and no memory.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

MOST_ELEMENTS = 3_000_000
MOST_ITEMS = 150_000
"""Items of sequences, and fragments, that are kept: 10,000 frames have 80,000 and more."""

DEEPEST = 24
"""Sequences in sequences."""

UNDEFINED = 0xFFFFFFFF
PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
"""Float, Double Float and Pixel Data, of which a file has one, as its last element that is read."""

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""Value representations with a length of four bytes (PS3.5, table 7.1-1)."""


class UnreadDicom(ValueError):
    """A file that is not read; the message says where and why, without the file's name."""


@dataclass(frozen=True, slots=True)
class ElementCoding:
    """How elements are written: with their value representation or without, in which byte order."""

    implicit: bool
    little: bool


class Element(NamedTuple):
    """One data element.

    Attributes:
        tag: group and number in one.
        vr: value representation, "" where the file does not say it.
        start, end: of its value, without a closing delimiter.
        coding: that it was written in.
        is_open: whether its length is undefined, and a delimiter ends it.
    """

    tag: int
    vr: str
    start: int
    end: int
    coding: ElementCoding
    is_open: bool


def tag_words(tag: int) -> str:
    """A tag as (gggg,eeee)."""
    return f"({tag >> 16:04x},{tag & 0xFFFF:04x})"


class ElementWalk:
    """Walks over the elements of one file, within one limit for all of them.

    Every method raises UnreadDicom where the file is cut off, nested too deeply, or has more than
    MOST_ELEMENTS.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._left = MOST_ELEMENTS
        self._may_keep = MOST_ITEMS

    def elements(self, start: int, end: int, coding: ElementCoding) -> Iterator[Element]:
        """Yield the elements between two places of the file, up to a delimiter or the pixels."""
        at = start
        while at + 8 <= end:
            self._count()
            tag = self._tag(at, coding)
            if tag in (_ITEM_END, _SEQUENCE_END):
                return
            vr, length, value = self._head(at, end, coding)
            if length == UNDEFINED:
                within = self._of_items(vr, coding)
                stop = self._end_of_items(tag, value, end, within)
                yield Element(tag, vr, value, max(value, stop - 8), within, True)
            else:
                stop = value + length
                if stop > end:
                    raise UnreadDicom(
                        f"it ends within {tag_words(tag)}, {stop - end:,} bytes too early"
                    )
                yield Element(tag, vr, value, stop, self._of_items(vr, coding), False)
            if tag in PIXELS:
                return
            at = stop

    def items(self, sequence: Element) -> Iterator[tuple[int, int, ElementCoding]]:
        """Yield start, end and coding of the items of a sequence."""
        at = sequence.start
        while at + 8 <= sequence.end:
            self._count()
            tag, length = self._item(at, sequence.coding)
            at += 8
            if tag in (_SEQUENCE_END, _ITEM_END):
                return
            if tag != _ITEM:
                raise UnreadDicom(f"{tag_words(sequence.tag)} is no sequence of items")
            coding = self._of_item(at, sequence)
            if length == UNDEFINED:
                end = self._end_of_item(sequence.tag, at, sequence.end, coding)
                yield at, end - 8, coding
            else:
                end = at + length
                if end > sequence.end:
                    raise UnreadDicom(f"it ends within an item of {tag_words(sequence.tag)}")
                yield at, end, coding
            at = end

    def keep(self) -> None:
        """Count an item that is kept.

        Raises:
            UnreadDicom: when there are too many.
        """
        self._may_keep -= 1
        if self._may_keep < 0:
            raise UnreadDicom(f"it has more than {MOST_ITEMS:,} items or fragments that are read")

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise UnreadDicom(f"it has more than {MOST_ELEMENTS:,} data elements")

    def _tag(self, at: int, coding: ElementCoding) -> int:
        group, number = struct.unpack_from("<HH" if coding.little else ">HH", self.content, at)
        return int(group) << 16 | int(number)

    def _item(self, at: int, coding: ElementCoding) -> tuple[int, int]:
        (length,) = struct.unpack_from("<L" if coding.little else ">L", self.content, at + 4)
        return self._tag(at, coding), length

    def _head(self, at: int, end: int, coding: ElementCoding) -> tuple[str, int, int]:
        """Value representation, length, and where the value begins."""
        vr = self.content[at + 4 : at + 6]
        order = "<" if coding.little else ">"
        if coding.implicit or not is_vr(vr):  # some writers change over within a sequence
            (length,) = struct.unpack_from(f"{order}L", self.content, at + 4)
            return "", length, at + 8
        if vr not in _LONG:
            (length,) = struct.unpack_from(f"{order}H", self.content, at + 6)
            return vr.decode("ascii"), length, at + 8
        if at + 12 > end:
            raise UnreadDicom(f"it ends within {tag_words(self._tag(at, coding))}")
        (length,) = struct.unpack_from(f"{order}L", self.content, at + 8)
        return vr.decode("ascii"), length, at + 12

    @staticmethod
    def _of_items(vr: str, coding: ElementCoding) -> ElementCoding:
        """UN is written without value representations, in little-endian (PS3.5, section 6.2.2)."""
        return ElementCoding(implicit=True, little=True) if vr == "UN" else coding

    def _of_item(self, at: int, sequence: Element) -> ElementCoding:
        """That of an item: one of UN may have its value representations all the same."""
        named = sequence.vr == "UN" and is_vr(self.content[at + 4 : at + 6])
        return ElementCoding(implicit=False, little=True) if named else sequence.coding

    def _end_of_items(self, tag: int, at: int, end: int, coding: ElementCoding) -> int:
        return self._end_of(tag, at, end, [(True, coding)])

    def _end_of_item(self, tag: int, at: int, end: int, coding: ElementCoding) -> int:
        return self._end_of(tag, at, end, [(False, coding)])

    def _end_of(self, tag: int, at: int, end: int, inside: list[tuple[bool, ElementCoding]]) -> int:
        """Behind the delimiter of what is open; `inside` says of each level whether items come."""
        while inside:
            self._count()
            if len(inside) > DEEPEST:
                raise UnreadDicom(f"{tag_words(tag)} has sequences in sequences, {DEEPEST} deep")
            if at + 8 > end:
                raise UnreadDicom(f"it ends within {tag_words(tag)}")
            of_items, coding = inside[-1]
            found, length = self._item(at, coding)
            if found in (_ITEM_END, _SEQUENCE_END):
                inside.pop()
                at += 8
                continue
            if of_items:
                if found != _ITEM:
                    raise UnreadDicom(f"{tag_words(tag)} is no sequence of items")
                vr, at = "", at + 8
            else:
                vr, length, at = self._head(at, end, coding)
            if length == UNDEFINED:
                inside.append((not of_items, self._of_items(vr, coding)))
            else:
                at += length
        return at


def is_vr(letters: bytes) -> bool:
    """Whether two bytes can be a value representation."""
    return len(letters) == 2 and all(65 <= each <= 90 for each in letters)
