"""What the whitelist takes of a data set, as Python's values by keyword."""

import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sslapp.imaging.dicom.encoding.elements import (
    PIXELS,
    Element,
    ElementCoding,
    ElementWalk,
    UnreadDicom,
    tag_words,
)
from sslapp.imaging.dicom.reading.whitelist import Wanted

LONGEST = 2**20
"""Bytes of one value other than pixels: a table of 65,536 entries has 131,072."""

MOST_VALUES = 64
"""Numbers and texts that are taken of one element; no element that is read has as many."""

PRIVATE, OTHERS, MOST_TAGS = 0x00010000, 0, 2_000

_NUMBERS = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d"}
_DECIMALS = {"DS", "IS"}
_RAW = {"OW", "OV", "US or SS", "US or OW"}  # what words mean, others say
_OVERLAYS = range(0x6000, 0x6020, 2)
_OVERLAY_DATA = 0x3000


@dataclass(eq=False, slots=True)
class Contents:
    """The values of a data set, or of an item of a sequence.

    Attributes:
        texts: of each keyword, its values without padding, one of which is not empty.
        numbers: of each keyword, its finite values.
        raw: of each keyword, bytes: of 16-bit words in little-endian.
        items: of each sequence, its items.
        pixels: the element of the pixels.
        overlays: groups of overlays, and whether each has its data apart from the pixels.
        dropped: how many elements were walked over, by tag; private ones as PRIVATE, and from
            MOST_TAGS of others on as OTHERS.
    """

    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    numbers: dict[str, tuple[float, ...]] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)
    items: dict[str, list["Contents"]] = field(default_factory=dict)
    pixels: Element | None = None
    overlays: dict[int, bool] = field(default_factory=dict)
    dropped: dict[int, int] = field(default_factory=dict)

    def text(self, keyword: str) -> str:
        """The first value, "" where there is none."""
        return self.texts.get(keyword, ("",))[0]

    def number(self, keyword: str) -> float | None:
        """The first value, None where there is none."""
        found = self.numbers.get(keyword)
        return found[0] if found else None

    def vector(self, keyword: str, length: int) -> tuple[float, ...] | None:
        """The values where there are as many as that, else None."""
        found = self.numbers.get(keyword, ())
        return found if len(found) == length else None

    def words(self, keyword: str) -> NDArray[np.uint16]:
        """The 16-bit words of a value, a byte that is over left out."""
        content = self.raw.get(keyword, b"")
        return np.frombuffer(content[: len(content) // 2 * 2], "<u2")

    def first(self, keyword: str) -> "Contents":
        """The first item of a sequence; one without values where there is none."""
        found = self.items.get(keyword)
        return found[0] if found else Contents()


def contents(
    walk: ElementWalk, start: int, end: int, coding: ElementCoding, wanted: Wanted
) -> Contents:
    """Read what is wanted of the elements between two places of a file.

    Raises:
        UnreadDicom: when the file is cut off or absurd there.
    """
    walk.keep()
    found = Contents()
    for each in walk.elements(start, end, coding):
        _take(found, each, walk, wanted)
    return found


def _take(found: Contents, each: Element, walk: ElementWalk, wanted: Wanted) -> None:
    if each.tag in PIXELS:
        found.pixels = each
    elif each.tag in wanted.sequences:
        keyword, inner = wanted.sequences[each.tag]
        found.items[keyword] = [contents(walk, *item, inner) for item in walk.items(each)]
    elif each.tag in wanted.values:
        _value(found, each, walk.content, *wanted.values[each.tag])
    else:
        group, number = each.tag >> 16, each.tag & 0xFFFF
        key = PRIVATE if group % 2 else each.tag
        if key not in found.dropped and len(found.dropped) >= MOST_TAGS:
            key = OTHERS
        found.dropped[key] = found.dropped.get(key, 0) + 1
        if group in _OVERLAYS:
            apart = found.overlays.get(group, False)
            found.overlays[group] = apart or (number == _OVERLAY_DATA and each.end > each.start)


def _value(found: Contents, each: Element, content: bytes, keyword: str, vr: str) -> None:
    if each.end - each.start > LONGEST and not keyword.startswith("ExtendedOffset"):
        raise UnreadDicom(f"{tag_words(each.tag)} {keyword} is longer than {LONGEST:,} bytes")
    value = content[each.start : each.end]
    if vr not in _RAW and (each.vr in _NUMBERS or each.vr in _DECIMALS):
        vr = each.vr
    if vr in _RAW:
        found.raw[keyword] = value if each.coding.little else _swapped(value)
    elif vr in _NUMBERS:
        found.numbers[keyword] = tuple(_finite(_unpacked(value, _NUMBERS[vr], each.coding.little)))
    elif vr in _DECIMALS:
        found.numbers[keyword] = tuple(_finite(_decimals(value)))
    else:
        # codes, digits and identifiers; whatever characters these have, none is shown to anybody
        parts = value.decode("latin-1").split("\\", MOST_VALUES)[:MOST_VALUES]
        texts = tuple(part.strip(" \0") for part in parts)
        if any(texts):
            found.texts[keyword] = texts


def _unpacked(value: bytes, kind: str, little: bool) -> tuple[float, ...]:
    size = struct.calcsize(f"<{kind}")
    count = min(len(value) // size, MOST_VALUES)
    return struct.unpack(f"{'<' if little else '>'}{count}{kind}", value[: count * size])


_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def _decimals(value: bytes) -> Iterator[float]:
    parts = value.decode("latin-1").replace(",", ".").split("\\", MOST_VALUES)
    for part in parts[:MOST_VALUES]:
        text = part.strip(" \0")
        if _DECIMAL.fullmatch(text):
            yield float(text)


def _finite(numbers: Iterator[float] | tuple[float, ...]) -> Iterator[float]:
    return (float(each) for each in numbers if math.isfinite(each))


def _swapped(value: bytes) -> bytes:
    return np.frombuffer(value[: len(value) // 2 * 2], ">u2").astype("<u2").tobytes()
