"""Opening a file: found by its content, whatever it is called, and read as far as is wanted."""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from sslapp.imaging.dicom.encoding import syntaxes
from sslapp.imaging.dicom.encoding.elements import (
    PIXELS,
    Element,
    ElementCoding,
    ElementWalk,
    UnreadDicom,
    is_vr,
    tag_words,
)
from sslapp.imaging.dicom.encoding.fragments import Fragments, Place, fragments_of, frame_places
from sslapp.imaging.dicom.header import DicomHeader
from sslapp.imaging.dicom.reading.contents import Contents, contents
from sslapp.imaging.dicom.reading.kinds import without_picture
from sslapp.imaging.dicom.reading.limits import check_sizes
from sslapp.imaging.dicom.reading.typed import header_of
from sslapp.imaging.dicom.reading.whitelist import DATA_SET
from sslapp.imaging.refused import MAX_BYTES, READERS_RAISE, RefusedFile

DAMAGE = (*READERS_RAISE, AssertionError)
"""What pydicom and its decoders raise on damaged or hostile input."""

PREAMBLE = 128
"""Bytes before the mark of a file, which are free for whoever writes it (PS3.10, section 7.1)."""

_MARK = b"DICM"
_META_GROUP = b"\x02\x00"
_FILE_META = ElementCoding(implicit=False, little=True)
_SYNTAX, _MEDIA_CLASS = 0x00020010, 0x00020002


class HoldsNoPicture(RefusedFile):
    """A DICOM file in which no picture is; the message says what it is."""


@dataclass(frozen=True, eq=False)
class DicomFile:
    """A file that was opened: its header, and where its pixels are.

    Attributes:
        name: what messages call it.
        content: the file; inflated where it was deflated.
        header: what is known of it.
        found: what the header was made of.
        pixels: the element of the pixels.
        fragments: of an encapsulated file, where the frames' parts lie; None for a native one.
    """

    name: str
    content: bytes = field(repr=False)
    header: DicomHeader
    found: Contents = field(repr=False)
    pixels: Element
    fragments: Fragments | None = field(repr=False)

    @cached_property
    def own_uid(self) -> str:
        """What tells the file from others: its SOP instance, or its content where none is said."""
        return self.header.instance_uid or hashlib.sha256(self.content).hexdigest()

    @cached_property
    def frames(self) -> list[list[Place]]:
        """The fragments of each frame of an encapsulated file.

        Raises:
            UnreadDicom: when they cannot be told apart.
        """
        assert self.fragments is not None
        count, offsets = self.header.format.frames, self.header.offsets
        return frame_places(self.content, self.fragments, count, offsets)


def is_dicom(content: bytes) -> bool:
    """Whether a file looks like DICOM: by its mark, or else by its first element."""
    if content[PREAMBLE : PREAMBLE + 4] == _MARK:
        return True
    if len(content) < 16:
        return False
    group, number = struct.unpack_from("<HH", content)
    if is_vr(content[4:6]):
        big = struct.unpack_from(">HH", content)
        return content[4:6] in _FIRST_VRS and ((group in (2, 8)) or big[0] == 8)
    (length,) = struct.unpack_from("<L", content, 4)
    return (group, number) in _FIRST_IMPLICIT and length <= 64 and length % 2 == 0


_FIRST_VRS = (b"UL", b"UI", b"CS", b"DA", b"TM", b"OB", b"SH", b"LO", b"DT", b"ST", b"SQ")
_FIRST_IMPLICIT = {(8, 0), (8, 1), (8, 5), (8, 8), (8, 0x12), (8, 0x16), (8, 0x18), (8, 0x20)}


def open_dicom(content: bytes, name: str) -> DicomFile:
    """Open a file that `is_dicom` found, without decoding its pixels.

    Raises:
        HoldsNoPicture: when no picture is in it.
        RefusedFile: when it is damaged, cut off, absurd, or of a kind that is not read.
    """
    if len(content) > MAX_BYTES:
        raise RefusedFile(
            f"{name}: {len(content):,} bytes are more than the {MAX_BYTES:,} allowed."
        )
    with refusing(name):
        return _opened(content, name)


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Tell whatever goes wrong with a file as one sentence.

    Raises:
        RefusedFile: for what is not read, and for whatever damage makes readers raise.
    """
    try:
        yield
    except RefusedFile:
        raise
    except UnreadDicom as error:
        raise RefusedFile(f"{name}: a DICOM file that is not read: {error}.") from error
    except DAMAGE as error:
        raise RefusedFile(f"{name}: the DICOM file is damaged.") from error


def _opened(content: bytes, name: str) -> DicomFile:
    notes: list[str] = []
    start = _start(content, notes)
    syntax, media_class, start = _meta(content, start)
    if syntaxes.is_video(syntax):
        raise HoldsNoPicture(
            f"{name}: a DICOM video ({syntaxes.words(syntax)}), which is not read."
        )
    if syntax == syntaxes.DEFLATED:
        content, start = _inflated(content[start:]), 0
    walk = ElementWalk(content)
    coding = _coding(content, start, syntax, notes)
    found = contents(walk, start, len(content), coding, DATA_SET)
    pixels = _picture(found, media_class, name)
    encapsulated = pixels.is_open
    if encapsulated:
        fragments = fragments_of(walk, pixels)
        if syntax not in syntaxes.ENCAPSULATED:
            syntax = _guessed_frames(content, fragments, syntax, notes)
    elif not syntax or syntax in syntaxes.ENCAPSULATED:
        notes.append("its pixels are not compressed, whatever its transfer syntax says")
        syntax = syntaxes.IMPLICIT if coding.implicit else syntaxes.EXPLICIT
        syntax = syntax if coding.little else syntaxes.BIG_ENDIAN
    if syntax not in syntaxes.NATIVE | syntaxes.ENCAPSULATED:
        raise UnreadDicom(f"the transfer syntax {syntaxes.words(syntax)}")
    header = header_of(found, syntax, tuple(notes))
    parts = fragments if encapsulated else None
    check_sizes(header, pixels.end - pixels.start, None if parts is None else len(parts.places))
    return DicomFile(name, content, header, found, pixels, parts)


def _start(content: bytes, notes: list[str]) -> int:
    if content[PREAMBLE : PREAMBLE + 4] == _MARK:
        return PREAMBLE + 4
    notes.append("the preamble is missing")
    return 4 if content.startswith(_MARK) else 0


def _meta(content: bytes, start: int) -> tuple[str, str, int]:
    """Transfer syntax and SOP class of the file meta information, and where the data set begins.

    Group 0002 is explicit little-endian always (PS3.10, section 7.1); some write it implicit.
    """
    said = {}
    walk = ElementWalk(content)
    while content.startswith(_META_GROUP, start) and len(content) >= start + 8:
        each = next(walk.elements(start, len(content), _FILE_META))
        said[each.tag] = content[each.start : each.end].decode("latin-1").strip(" \0")
        start = each.end
    return said.get(_SYNTAX, ""), said.get(_MEDIA_CLASS, ""), start


def _inflated(deflated: bytes) -> bytes:
    """Inflate as much as a file may have (PS3.5, section A.5)."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    content = unpacker.decompress(deflated, MAX_BYTES)
    if unpacker.unconsumed_tail:
        raise UnreadDicom(f"inflated it has more than the {MAX_BYTES:,} bytes allowed")
    if not unpacker.eof:
        raise UnreadDicom("its deflated data set is cut off")
    return content


def _coding(content: bytes, start: int, syntax: str, notes: list[str]) -> ElementCoding:
    """As the transfer syntax says, unless the first element is written otherwise."""
    guessed = syntaxes.guessed_coding(content[start : start + 6])
    if not syntax:
        notes.append("the transfer syntax is missing and was guessed")
        return guessed
    said = syntaxes.coding_of(syntax)
    if said.implicit != guessed.implicit and start + 8 <= len(content):
        notes.append("its elements are written otherwise than its transfer syntax says")
        return guessed
    return said


def _picture(found: Contents, media_class: str, name: str) -> Element:
    """The element of the pixels."""
    kind = without_picture(found.text("SOPClassUID") or media_class, found.text("Modality"))
    if kind is not None:
        raise HoldsNoPicture(f"{name}: {kind}, in which no picture is.")
    if found.pixels is None:
        raise HoldsNoPicture(f"{name}: a DICOM file in which no picture is: it has no pixels.")
    if found.pixels.start == found.pixels.end:
        raise UnreadDicom(f"{tag_words(found.pixels.tag)} has no pixels")
    assert found.pixels.tag in PIXELS
    return found.pixels


def _guessed_frames(content: bytes, fragments: Fragments, syntax: str, notes: list[str]) -> str:
    if not fragments.places:
        raise UnreadDicom(f"{tag_words(PIXELS[2])} has no fragments")
    if syntax and syntax not in syntaxes.NATIVE:
        raise UnreadDicom(f"the transfer syntax {syntaxes.words(syntax)}")
    first, length = fragments.places[0]
    guessed = syntaxes.guessed_syntax(content[first : first + min(length, 65_536)])
    notes.append(f"its frames are taken for {syntaxes.words(guessed)}")
    return guessed
