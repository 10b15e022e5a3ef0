"""A de-identified file of a file: written anew from what is known of it, nothing taken over.

Follows the Basic Application Level Confidentiality Profile (PS3.15, annex E) with the options to
retain modified dates and patient characteristics and to clean descriptors. It cannot see text that
is burned into pixels, nor a face in a stack of slices.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from sslapp.imaging.dicom.deidentification.described import describe
from sslapp.imaging.dicom.deidentification.mark import marked
from sslapp.imaging.dicom.deidentification.pseudonyms import Pseudonyms
from sslapp.imaging.dicom.deidentification.writing import even, part_10
from sslapp.imaging.dicom.encoding import syntaxes
from sslapp.imaging.dicom.encoding.codestreams import codestream_facts, without_remarks
from sslapp.imaging.dicom.encoding.elements import UnreadDicom, tag_words
from sslapp.imaging.dicom.header import PixelFormat
from sslapp.imaging.dicom.opening import DicomFile, open_dicom, refusing
from sslapp.imaging.dicom.pixels.frames import (
    compressed_values,
    encoded_frame,
    frame_count,
    frame_values,
)
from sslapp.imaging.dicom.reading.contents import OTHERS, PRIVATE, Contents
from sslapp.imaging.dicom.reading.limits import native_bytes
from sslapp.imaging.refused import MAX_BYTES

_BLOCK = 1 << 22
_GROUP_OVERLAY = range(0x6000, 0x6100)
_KINDS = {PRIVATE: "private elements", OTHERS: "other elements"}
_KEYWORDS = {
    "int": "PixelData",
    "float32": "FloatPixelData",
    "float64": "DoubleFloatPixelData",
}


@dataclass(frozen=True, slots=True)
class CleaningReport:
    """What became of a file's elements; names, never values.

    Attributes:
        dropped: how many elements were left out, by keyword, "private elements" or "overlays".
        notes: what else was done, each a sentence without its full stop.
    """

    dropped: Mapping[str, int]
    notes: tuple[str, ...]


def cleaned(
    source: bytes | DicomFile, secret: bytes, name: str = "the file"
) -> tuple[bytes, CleaningReport]:
    """Write a new file that says what display, sorting and grouping need, and no more.

    The picture is the same to the bit. UIDs and the patient's number become keyed hashes, dates are
    moved by the patient's own number of days, codes that are no words of the standard are left out.
    The same file and secret give the same bytes.

    Args:
        source: a file, or one that was opened.
        secret: see Pseudonyms.
        name: what messages call a file that is given as bytes.

    Raises:
        RefusedFile: as `open_dicom`, and where a frame cannot be taken apart.
        ValueError: when the secret is too short.
    """
    pseudonyms = Pseudonyms(secret)
    file = source if isinstance(source, DicomFile) else open_dicom(source, name)
    notes: list[str] = []
    with refusing(file.name):
        data_set = describe(file, pseudonyms)
        syntax = _write_pixels(data_set, file, notes)
        content = marked(part_10(data_set, syntax))
    if not file.header.patient_id:
        notes.append("it names no patient, and its study stands for one")
    return content, CleaningReport(_left_out(file.found, data_set), tuple(notes))


def _write_pixels(data_set: Dataset, file: DicomFile, notes: list[str]) -> str:
    """Put the pixels into a data set and return the transfer syntax they are in."""
    layout = file.header.format
    if file.fragments is None:
        content = _native_pixels(file)
        syntax = syntaxes.EXPLICIT
    elif layout.samples == 1 and _hides(file):
        content = _decoded_pixels(file)
        syntax = syntaxes.EXPLICIT
        notes.append("its pixels were decompressed, because their unused bits held something")
    else:
        frames = [even(_bare_frame(file, at)) for at in range(frame_count(file))]
        content = encapsulate(frames, has_bot=len(frames) > 1)
        syntax = file.header.syntax
    keyword = _KEYWORDS[layout.kind]
    setattr(data_set, keyword, even(content))
    if keyword == "PixelData":
        narrow = layout.allocated <= 8 or syntax != syntaxes.EXPLICIT
        data_set["PixelData"].VR = "OB" if narrow else "OW"
        data_set["PixelData"].is_undefined_length = syntax != syntaxes.EXPLICIT
    return syntax


def _bare_frame(file: DicomFile, index: int) -> bytes:
    """A compressed frame without anything that is no picture."""
    frame, header = encoded_frame(file, index), file.header
    if header.syntax == syntaxes.RLE:
        compressed_values(frame, header)  # refuses one with anything beside its segments
        return frame
    bare = without_remarks(frame, header.syntax)
    if bare != frame.rstrip(b"\0"):
        before, after = (compressed_values(each, header) for each in (frame, bare))
        if not np.array_equal(before, after):
            raise UnreadDicom("a frame in (7fe0,0010) is another without its comments")
    return bare


def _hides(file: DicomFile) -> bool:
    """Whether the unused bits of a grey compressed file hold anything, such as an overlay."""
    layout = file.header.format
    if layout.stored == layout.allocated:
        return False
    if file.header.hidden_overlays:
        return True
    frames = (encoded_frame(file, at) for at in range(frame_count(file)))
    facts = [codestream_facts(each, file.header.syntax) for each in frames]
    if all(each is not None and each.bits <= layout.stored for each in facts):
        return False
    whole = replace(layout, stored=layout.allocated, high_bit=layout.allocated - 1, signed=False)
    bare = replace(file, header=replace(file.header, format=whole, palette=None))
    whole_values = (frame_values(bare, at) for at in range(frame_count(file)))
    return any((_without_others(each, layout) != each).any() for each in whole_values)


def _native_pixels(file: DicomFile) -> bytes:
    """The pixels that the frames have, in little-endian, without what is in their unused bits."""
    layout = file.header.format
    length = native_bytes(layout)
    big = file.header.syntax == syntaxes.BIG_ENDIAN
    swapped = big and file.pixels.vr == "OW" and layout.allocated <= 8
    length += length % 2 if swapped else 0
    content = file.content[file.pixels.start : file.pixels.start + length]
    width = 2 if swapped else layout.allocated // 8 if big else 1
    if width > 1:
        content = np.frombuffer(content, f">u{width}").astype(f"<u{width}").tobytes()
        content = content[: native_bytes(layout)]
    return _masked(content, layout)


def _masked(content: bytes, layout: PixelFormat) -> bytes:
    if layout.kind != "int" or layout.allocated in (layout.stored, 1):
        return content
    kind = np.dtype(f"<u{layout.allocated // 8}")
    values = np.frombuffer(content, kind)
    blocks = (values[at : at + _BLOCK] for at in range(0, len(values), _BLOCK))
    return b"".join(_without_others(each, layout).tobytes() for each in blocks)


def _without_others(values: NDArray[Any], layout: PixelFormat) -> NDArray[Any]:
    below = layout.high_bit + 1 - layout.stored
    used = values >> below & ((1 << layout.stored) - 1)
    if layout.signed:  # so that what lay there as a sign stays as it is
        sign = 1 << (layout.stored - 1)
        used = ((used.astype(np.int64) ^ sign) - sign).astype(values.dtype)
    return (used << below).astype(values.dtype)


def _decoded_pixels(file: DicomFile) -> bytes:
    if native_bytes(file.header.format) > MAX_BYTES:
        raise UnreadDicom(f"decompressed it has more than the {MAX_BYTES:,} bytes allowed")
    plain = replace(file, header=replace(file.header, palette=None))
    kind = f"<u{file.header.format.allocated // 8}"
    below = file.header.format.high_bit + 1 - file.header.format.stored
    frames: list[Any] = [frame_values(plain, at) for at in range(frame_count(file))]
    return b"".join((each.astype(kind) << below).astype(kind).tobytes() for each in frames)


def _left_out(found: Contents, data_set: Dataset) -> dict[str, int]:
    """What was never read, and what was read and did not stay."""
    names = Counter(_dropped(found))
    for keyword in (*found.texts, *found.numbers, *found.raw, *found.items):
        if not data_set.get(keyword):
            names[keyword] += 1
    return dict(sorted(names.items()))


def _dropped(found: Contents) -> dict[str, int]:
    names: Counter[str] = Counter()
    for tag, count in found.dropped.items():
        names[_kind_of(tag)] += count
    for items in found.items.values():
        for each in items:
            names.update(_dropped(each))
    return dict(sorted(names.items()))


def _kind_of(tag: int) -> str:
    if tag in _KINDS:
        return _KINDS[tag]
    return "overlays" if tag >> 16 in _GROUP_OVERLAY else keyword_for_tag(tag) or tag_words(tag)
