"""Transfer syntaxes: how a file is written, and what is said when it does not tell (PS3.5, A)."""

import re

from pydicom import uid

from sslapp.imaging.dicom.encoding.elements import ElementCoding, is_vr

IMPLICIT, EXPLICIT = str(uid.ImplicitVRLittleEndian), str(uid.ExplicitVRLittleEndian)
BIG_ENDIAN, DEFLATED = str(uid.ExplicitVRBigEndian), str(uid.DeflatedExplicitVRLittleEndian)
NATIVE = {IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED}
JPEG_BASELINE, JPEG_EXTENDED = str(uid.JPEGBaseline8Bit), str(uid.JPEGExtended12Bit)
JPEG = {JPEG_BASELINE, JPEG_EXTENDED, str(uid.JPEGLossless), str(uid.JPEGLosslessSV1)}
JPEG_LS = {str(uid.JPEGLSLossless), str(uid.JPEGLSNearLossless)}
JPEG_2000 = {
    str(each)
    for each in (
        *(uid.JPEG2000Lossless, uid.JPEG2000),
        *(uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K),
    )
}
RLE = str(uid.RLELossless)
ENCAPSULATED = {*JPEG, *JPEG_LS, *JPEG_2000, RLE}

_VIDEO = "1.2.840.10008.1.2.4.1"  # 100 to 109: MPEG-2, MPEG-4 and HEVC
_FRAMES = {  # of a JPEG, by the marker of its frame header
    0xC0: str(uid.JPEGBaseline8Bit),
    0xC1: str(uid.JPEGExtended12Bit),
    0xC3: str(uid.JPEGLossless),
    0xF7: str(uid.JPEGLSNearLossless),
}


def words(syntax: str) -> str:
    """What a transfer syntax is called; nothing that a stranger wrote in its place."""
    known = uid.UID(syntax, validation_mode=0)
    if known.name != known:
        return known.name
    return syntax if re.fullmatch(r"[0-9.]{1,64}", syntax) else "of no known kind"


def is_video(syntax: str) -> bool:
    """Whether it is one of moving pictures, which are not read."""
    return syntax.startswith(_VIDEO) and len(syntax) > len(_VIDEO)


def coding_of(syntax: str) -> ElementCoding:
    """How the data set is written; all encapsulated ones are explicit little-endian."""
    return ElementCoding(implicit=syntax == IMPLICIT, little=syntax != BIG_ENDIAN)


def guessed_coding(start: bytes) -> ElementCoding:
    """How a data set is written that begins with these bytes.

    A big-endian group below 0x0100 read as little-endian is 0x0100 or more.
    """
    implicit = not is_vr(start[4:6])
    return ElementCoding(implicit, little=implicit or int.from_bytes(start[:2], "little") < 0x0400)


def guessed_syntax(codestream: bytes) -> str:
    """The transfer syntax of an encapsulated frame that begins with these bytes."""
    if codestream.startswith((b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP")):
        at = codestream.find(b"\xff\x51")
        size = int.from_bytes(codestream[at + 2 : at + 4], "big")
        capable = codestream[at + 2 + size : at + 4 + size] == b"\xff\x50"  # CAP: HTJ2K
        return str(uid.HTJ2K if capable else uid.JPEG2000)
    at = 2
    while codestream.startswith(b"\xff\xd8") and at + 4 <= len(codestream):
        if codestream[at] != 0xFF:
            break
        marker = codestream[at + 1]
        if marker in _FRAMES:
            return _FRAMES[marker]
        at += 2 + int.from_bytes(codestream[at + 2 : at + 4], "big")
    return RLE
