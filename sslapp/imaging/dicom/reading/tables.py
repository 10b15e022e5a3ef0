"""Lookup tables of a file: of the modality, of interest, and palettes (PS3.3, C.11.1.1, C.7.9)."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sslapp.imaging.dicom.encoding.elements import UnreadDicom
from sslapp.imaging.dicom.header import LookupTable
from sslapp.imaging.dicom.reading.contents import Contents

_MOST = 65_536  # entries of a table, which its descriptor calls 0
_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2


def lookup_table(item: Contents, *, signed: bool) -> LookupTable | None:
    """The table of an item of a modality or VOI LUT sequence; None for an item without one.

    Args:
        signed: whether the values that it is for are in two's complement.

    Raises:
        UnreadDicom: when it has fewer entries than it says.
    """
    described = _descriptor(item, "LUTDescriptor", signed=signed)
    if described is None:
        return None
    count, first, bits = described
    entries = _entries(item.words("LUTData"), count, bits, "LUTData")
    return LookupTable(first, entries, bits, item.text("LUTExplanation"))


def palette(found: Contents, *, signed: bool) -> tuple[NDArray[np.uint8], int] | None:
    """(n, 3) uint8 colours and the value of the first; None for a file without a palette.

    Raises:
        UnreadDicom: when a colour has fewer entries than it says.
    """
    channels = []
    first = 0
    for colour in ("Red", "Green", "Blue"):
        name = f"{colour}PaletteColorLookupTable"
        described = _descriptor(found, f"{name}Descriptor", signed=signed)
        if described is None:
            return None
        count, first, bits = described
        if f"Segmented{name}Data" in found.raw:
            entries = _expanded(found.words(f"Segmented{name}Data"), count, name)
        else:
            entries = _entries(found.words(f"{name}Data"), count, bits, f"{name}Data")
        channels.append(entries)
    if len({len(each) for each in channels}) > 1:
        raise UnreadDicom("the colours of its palette have different numbers of entries")
    colours = np.stack(channels, axis=1)
    deep = colours.max() > 255  # some say that they have 16 bits, and have 8
    return (colours >> 8 if deep else colours).astype(np.uint8), first


def _descriptor(item: Contents, keyword: str, *, signed: bool) -> tuple[int, int, int] | None:
    """Number of entries, value of the first, bits of an entry."""
    words = item.words(keyword)
    if len(words) < 3:
        return None
    count, first, bits = (int(each) for each in words[:3])
    if signed and first >= 1 << 15:
        first -= 1 << 16
    return count or _MOST, first, min(max(bits, 1), 16)


def _entries(words: NDArray[np.uint16], count: int, bits: int, keyword: str) -> NDArray[np.uint16]:
    """The entries, which may lie two in a word where they have 8 bits."""
    if len(words) < count:
        halves = words.view(np.uint8)
        if bits > 8 or len(halves) < count:
            raise UnreadDicom(f"{keyword} has {len(words):,} of the {count:,} entries it says")
        return halves[:count].astype(np.uint16)
    return words[:count]


def _expanded(words: NDArray[np.uint16], count: int, name: str) -> NDArray[np.uint16]:
    """A table of segments, written out (PS3.3, section C.7.9.2)."""
    entries = np.zeros(count, np.uint16)
    at = 0
    last = 0.0
    for kind, values in _segments([int(each) for each in words], count):
        length = min(len(values) if kind == _DISCRETE else int(values[0]), count - at)
        if kind == _DISCRETE:
            entries[at : at + length] = values[:length]
        else:
            steps = np.arange(1, length + 1) / max(1, int(values[0]))
            entries[at : at + length] = np.rint(last + (values[1] - last) * steps)
        at += length
        if at == count:
            return entries
        last = float(values[-1])
    raise UnreadDicom(f"the segments of {name} give {at:,} of the {count:,} entries it says")


def _segments(words: list[int], most: int) -> Iterator[tuple[int, list[int]]]:
    """Yield kind and values of each segment, copied ones in their place; at most `most`."""
    at = given = 0
    while at + 2 < len(words) and given < most:
        kind, length = words[at], words[at + 1]
        if kind == _INDIRECT and at + 3 < len(words):
            copied = words[at + 2] + (words[at + 3] << 16)
            for inner_kind, values, _ in _direct(words, copied // 2, length):
                given += 1
                yield inner_kind, values
            at += 4
            continue
        for inner_kind, values, after in _direct(words, at, 1):
            given += 1
            yield inner_kind, values
            at = after
        if kind not in (_DISCRETE, _LINEAR):
            return


def _direct(words: list[int], at: int, count: int) -> Iterator[tuple[int, list[int], int]]:
    """Yield so many segments from a place on: kind, values, and where the next begins."""
    for _ in range(count):
        if at + 2 >= len(words):
            return
        kind, length = words[at], words[at + 1]
        if kind == _DISCRETE and length:
            yield kind, words[at + 2 : at + 2 + length], at + 2 + length
            at += 2 + length
        elif kind == _LINEAR and length:
            yield kind, [length, words[at + 2]], at + 3
            at += 3
        else:
            return
