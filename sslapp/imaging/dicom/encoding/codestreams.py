"""What compressed frames say of themselves, and what in them is no picture.

A codestream may claim another size than the header, and decoders believe it: it is looked at
before. JPEG and JPEG-LS (ITU-T T.81 and T.87) and JPEG 2000 (T.800) carry comments and application
data, such as the name of a patient or a smaller picture.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from sslapp.imaging.dicom.encoding import syntaxes
from sslapp.imaging.dicom.encoding.elements import UnreadDicom

_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA, 0xCB, 0xF7}
_END, _SCAN, _COMMENT = 0xD9, 0xDA, 0xFE
_NEEDED = {*range(0xC0, 0xD0), 0xDB, _SCAN, 0xDD, 0xF7, 0xF8} - {0xC8}
_LINES, _LINES_BYTES = 0xDC, 6
_APPLICATION = range(0xE0, 0xF0)
_JFIF = b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0"
"""Says that colours are YCbCr; of another JFIF segment a smaller picture may be in it."""

_TILE, _SIZE, _DATA, _CODE_END = 0x90, 0x51, 0x93, b"\xff\xd9"
_LENGTHS = 0x55
_NEEDED_2000 = {*range(0x50, 0x64), *range(0x74, 0x7A)}
"""Of T.800, T.801 and T.814: all but comments and what no part of the standard knows."""


@dataclass(frozen=True, slots=True)
class CodestreamFacts:
    """Size of a compressed frame, in its own words.

    Attributes:
        rows, columns: in pixels.
        samples: a pixel.
        bits: of a sample.
    """

    rows: int
    columns: int
    samples: int
    bits: int


def codestream_facts(frame: bytes, syntax: str) -> CodestreamFacts | None:
    """What a compressed frame says of its size; None for RLE, which says nothing.

    Raises:
        UnreadDicom: when it does not begin as one of its kind does.
    """
    if syntax in syntaxes.JPEG_2000:
        return _of_jpeg_2000(frame)
    if syntax == syntaxes.RLE:
        return None
    for marker, at, _ in _segments(frame):
        if marker in _FRAMES and at + 10 <= len(frame):
            bits, rows, columns, samples = struct.unpack_from(">BHHB", frame, at + 4)
            return CodestreamFacts(rows, columns, samples, bits)
    raise UnreadDicom("a frame in (7fe0,0010) does not begin as a JPEG does")


def without_remarks(frame: bytes, syntax: str) -> bytes:
    """A compressed frame without comments, application data and what lies behind its end.

    What lies behind the last coded pixel of a scan or tile, but before its end, cannot be told from
    pixels and stays.

    Kept is what decoders ask for colours: Adobe's segment, JFIF's without its smaller picture, and
    HP's in JPEG-LS.
    """
    if syntax in syntaxes.JPEG_2000:
        return _jpeg_2000_without_remarks(frame)
    if syntax == syntaxes.RLE:
        return frame  # has no such thing
    kept = [b"\xff\xd8"]
    for marker, at, end in _segments(frame):
        if marker in _APPLICATION or marker == _COMMENT:
            kept.append(_application(frame[at + 4 : end], marker))
        elif marker in _NEEDED or (marker == _LINES and end - at == _LINES_BYTES):
            kept.append(frame[at:end])
    return b"".join([*kept, b"\xff\xd9"])


def _application(content: bytes, marker: int) -> bytes:
    if marker == 0xE0 and content.startswith(b"JFIF"):
        kept = _JFIF
    elif (marker == 0xEE and content.startswith(b"Adobe")) or content.startswith(b"mrfx"):
        kept = content[:12]
    else:
        return b""
    return bytes((0xFF, marker)) + struct.pack(">H", len(kept) + 2) + kept


def _segments(frame: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, place and end of the segments of a JPEG; a scan's with the scan itself."""
    at = 2
    while frame.startswith(b"\xff\xd8") and at + 4 <= len(frame):
        marker = frame[at + 1]
        if frame[at] != 0xFF or marker == 0xFF:  # padding, and stray bytes that decoders skip
            at += 1
            continue
        if marker == _END:
            return
        end = at + 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
        if marker == _SCAN:
            end = _end_of_scan(frame, end)
        yield marker, at, end
        at = end


_MARKER = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
"""Within a scan: neither a stuffed byte nor a restart."""


def _end_of_scan(frame: bytes, at: int) -> int:
    found = _MARKER.search(frame, at)
    return len(frame) if found is None else found.start()


def _codestream(frame: bytes) -> bytes:
    """That of JPEG 2000, taken out of the boxes of a JP2 file that some wrap it in."""
    if frame.startswith(b"\xff\x4f"):
        return frame
    at = frame.find(b"jp2c")
    if at < 0 or frame[at + 4 : at + 6] != b"\xff\x4f":
        raise UnreadDicom("a frame in (7fe0,0010) does not begin as a JPEG 2000 does")
    return frame[at + 4 :]


def _of_jpeg_2000(frame: bytes) -> CodestreamFacts:
    stream = _codestream(frame)
    if stream[2:4] != bytes((0xFF, _SIZE)) or len(stream) < 43:
        raise UnreadDicom("a frame in (7fe0,0010) does not begin as a JPEG 2000 does")
    right, bottom, left, top, *tiles = struct.unpack_from(">8L", stream, 8)
    samples, bits = struct.unpack_from(">HB", stream, 40)
    if not all(tiles[:2]) or (right // tiles[0] + 1) * (bottom // tiles[1] + 1) > 65_535:
        raise UnreadDicom("a frame in (7fe0,0010) has more than 65,535 tiles")
    return CodestreamFacts(bottom - top, right - left, samples, (bits & 0x7F) + 1)


def _jpeg_2000_without_remarks(frame: bytes) -> bytes:
    stream = _codestream(frame)
    head, at = _needed_2000(stream, 2, _TILE)
    tiles, changed = [], False
    while stream[at : at + 2] == bytes((0xFF, _TILE)) and at + 12 <= len(stream):
        length = int.from_bytes(stream[at + 6 : at + 10], "big")
        # without a length it is the last, and reaches up to the end
        end = at + length if length else stream.rfind(_CODE_END, at)
        whole = stream[at : end if end > at else len(stream)]
        tiles.append(_tile_without_remarks(whole))
        changed |= tiles[-1] != whole
        at += len(whole)
    if changed:  # lengths of tiles, which hold no more and need not be said
        head = [each for each in head if each[1] != _LENGTHS]
    return b"".join([stream[:2], *head, *tiles, _CODE_END])


def _tile_without_remarks(part: bytes) -> bytes:
    """A part of a tile (T.800, section A.4.2), whose own header may hold comments as well."""
    needed, at = _needed_2000(part, 12, _DATA)
    rest = b"".join([*needed, part[at:]])
    length = 12 + len(rest) if any(part[6:10]) else 0
    return part[:6] + length.to_bytes(4, "big") + part[10:12] + rest


def _needed_2000(stream: bytes, at: int, last: int) -> tuple[list[bytes], int]:
    """The segments of a header that decoders need, and where the marker behind it is."""
    kept = []
    while at + 4 <= len(stream) and stream[at] == 0xFF and stream[at + 1] != last:
        end = at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
        if stream[at + 1] in _NEEDED_2000:
            kept.append(stream[at:end])
        at = end
    return kept, at
