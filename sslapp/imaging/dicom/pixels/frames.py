"""The values of one frame, decoded without the others (PS3.5, section 8; PS3.3, C.7.6.3)."""

import logging
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sslapp.imaging.dicom.encoding import syntaxes
from sslapp.imaging.dicom.encoding.codestreams import codestream_facts
from sslapp.imaging.dicom.encoding.elements import UnreadDicom
from sslapp.imaging.dicom.header import DicomHeader, PixelFormat
from sslapp.imaging.dicom.opening import DAMAGE, DicomFile
from sslapp.imaging.dicom.pixels.apart import decoded_apart
from sslapp.imaging.dicom.pixels.colours import expanded, in_rgb, painted
from sslapp.imaging.dicom.pixels.decoding import decoded
from sslapp.imaging.dicom.reading.limits import frame_bytes
from sslapp.imaging.refused import RefusedFile

_PLUGINS = {
    **dict.fromkeys(syntaxes.JPEG, "gdcm"),
    syntaxes.JPEG_BASELINE: "pillow",
    syntaxes.JPEG_EXTENDED: "pillow",
    **dict.fromkeys(syntaxes.JPEG_2000, "pylibjpeg"),
    **dict.fromkeys(syntaxes.JPEG_LS, "pyjpegls"),
    syntaxes.RLE: "pylibjpeg",
}
"""Which of pydicom's decoders reads what; extended JPEG of 12 bits is read by none of them."""

_WHOLE = "int"
# pydicom tells its logger of every decoder that fails, and shows all of it where nobody listens
logging.getLogger("pydicom").addHandler(logging.NullHandler())


def frame_count(file: DicomFile) -> int:
    """How many frames a file has."""
    return file.header.format.frames


def frame_values(file: DicomFile, index: int = 0) -> NDArray[Any]:
    """The stored values of a frame.

    Unused bits, and overlays in them, are gone; colours of every kind are RGB, of more than 8 bits
    their upper 8. One frame takes the memory of one.

    Args:
        index: from 0.

    Returns:
        (H, W) uint8, uint16, uint32, int16, int32 or float32; (H, W, 3) uint8 for colours and
        palettes.

    Raises:
        RefusedFile: when the frame is damaged, or coded in a way that is not read.
        IndexError: when there is no such frame.
    """
    if not 0 <= index < frame_count(file):
        raise IndexError(f"{file.name}: there is no frame {index} among {frame_count(file)}.")
    try:
        values = _decoded(file, index)
    except UnreadDicom as error:
        raise RefusedFile(f"{file.name}: a DICOM file that is not read: {error}.") from error
    except DAMAGE as error:
        coding = syntaxes.words(file.header.syntax)
        raise RefusedFile(
            f"{file.name}: frame {index + 1} in (7fe0,0010) is damaged or cut off ({coding})."
        ) from error
    layout = file.header.format
    if values.shape[:2] != (layout.rows, layout.columns):
        raise RefusedFile(f"{file.name}: frame {index + 1} in (7fe0,0010) has another size.")
    return np.ascontiguousarray(values)


def encoded_frame(file: DicomFile, index: int) -> bytes:
    """The bytes of a frame of an encapsulated file.

    Raises:
        UnreadDicom: when frames cannot be told apart.
    """
    return b"".join(file.content[start : start + length] for start, length in file.frames[index])


def compressed_values(frame: bytes, header: DicomHeader) -> NDArray[Any]:
    """The stored values of a compressed frame, as `frame_values` gives them.

    Raises:
        Exception: one of DAMAGE, when it is damaged.
    """
    _check(frame, header)
    return _meant(*_encapsulated(frame, header), header)


def _decoded(file: DicomFile, index: int) -> NDArray[Any]:
    if file.fragments is None:
        return _meant(*_native(file, index), file.header)
    return compressed_values(encoded_frame(file, index), file.header)


def _meant(values: NDArray[Any], photometric: str, header: DicomHeader) -> NDArray[Any]:
    """Greys as they are, numbers of a palette and colours as RGB."""
    if header.palette is not None:
        return painted(values, *header.palette)
    if values.ndim == 3:
        return _eight_bits(in_rgb(values, photometric), header.format.stored)
    return values


def _check(frame: bytes, header: DicomHeader) -> None:
    facts = codestream_facts(frame, header.syntax)
    layout = header.format
    said = (layout.rows, layout.columns, layout.samples)
    if facts is not None and (facts.rows, facts.columns, facts.samples) != said:
        raise UnreadDicom(
            f"a frame in (7fe0,0010) says that it has {facts.rows:,} x {facts.columns:,} pixels of "
            f"{facts.samples} samples, and the header {layout.rows:,} x {layout.columns:,} of "
            f"{layout.samples}"
        )


def _native(file: DicomFile, index: int) -> tuple[NDArray[Any], str]:
    """The values of a frame that is not compressed, and how its colours are meant."""
    layout = file.header.format
    shape = (layout.rows, layout.columns)
    if layout.allocated == 1:
        return _packed_bits(file, index).reshape(shape), layout.photometric
    big = file.header.syntax == syntaxes.BIG_ENDIAN
    kind = _dtype(layout).newbyteorder(">" if big else "<")
    content = native_frame(file, index)
    values = np.frombuffer(content, kind).astype(kind.newbyteorder("="))
    if layout.samples == 3:
        colours = expanded(values, layout)
        return _used_bits(colours, layout), layout.photometric
    return _used_bits(values.reshape(shape), layout), layout.photometric


def native_frame(file: DicomFile, index: int) -> bytes:
    """The bytes of a frame of a native file of whole bytes, single ones in their order."""
    size = frame_bytes(file.header.format)
    start = file.pixels.start + index * size
    if is_word_swapped(file):
        return _word_swapped(file.content, file.pixels.start, start, size)
    return file.content[start : start + size]


def is_word_swapped(file: DicomFile) -> bool:
    """Whether single bytes lie in words that are written with the larger half first."""
    big = file.header.syntax == syntaxes.BIG_ENDIAN
    return big and file.header.format.allocated == 8 and file.pixels.vr == "OW"


def _packed_bits(file: DicomFile, index: int) -> NDArray[np.uint8]:
    """A frame of 1 bit a pixel; frames follow each other without padding."""
    layout = file.header.format
    count = layout.rows * layout.columns
    first = index * count
    start = file.pixels.start + first // 8
    content = file.content[start : start + math.ceil((first % 8 + count) / 8)]
    if file.header.syntax == syntaxes.BIG_ENDIAN and file.pixels.vr == "OW":
        size = len(content)
        content = _word_swapped(file.content, file.pixels.start, start, size)
    bits = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")
    return bits[first % 8 : first % 8 + count]


def _word_swapped(content: bytes, base: int, start: int, size: int) -> bytes:
    """Bytes that lie as 16-bit words in big-endian, from a place on."""
    before = (start - base) % 2
    length = before + size + (before + size) % 2
    words = np.frombuffer(content[start - before : start - before + length], ">u2")
    return words.astype("<u2").tobytes()[before : before + size]


def _dtype(layout: PixelFormat) -> np.dtype[Any]:
    if layout.kind != _WHOLE:
        return np.dtype(layout.kind)
    return np.dtype(f"u{layout.allocated // 8}")


def _used_bits(values: NDArray[Any], layout: PixelFormat) -> NDArray[Any]:
    """What lies in the bits from HighBit down; the others may hold overlays."""
    if layout.kind != _WHOLE:
        return values.astype(np.float32)
    below = layout.high_bit + 1 - layout.stored
    if layout.stored < layout.allocated:
        values = values >> below & ((1 << layout.stored) - 1)
    if not layout.signed:
        return values
    wide = np.int16 if layout.allocated <= 16 else np.int32
    if layout.stored == layout.allocated:
        return values.view(f"i{layout.allocated // 8}").astype(wide)
    sign = 1 << (layout.stored - 1)
    return ((values.astype(np.int64) ^ sign) - sign).astype(wide)


def _encapsulated(frame: bytes, header: DicomHeader) -> tuple[NDArray[Any], str]:
    """The values of a compressed frame, and how its colours are meant after decoding."""
    layout, syntax = header.format, header.syntax
    in_words = syntax in syntaxes.JPEG_2000 | syntaxes.JPEG_LS  # signs are in the codestream
    request = {
        "syntax": syntax,
        "plugin": _plugin(frame, header),
        "raw": not in_words and layout.samples == 1,
        "options": _options(layout),
    }
    decode = decoded if request["plugin"] == "pillow" else decoded_apart
    values, photometric = decode(frame, request)
    if layout.samples == 3:
        return values, photometric
    return (_of_words(values, layout) if in_words else _used_bits(_unsigned(values), layout)), ""


def _plugin(frame: bytes, header: DicomHeader) -> str:
    """Which of pydicom's decoders reads a frame."""
    facts = codestream_facts(frame, header.syntax)
    if header.syntax != syntaxes.JPEG_EXTENDED or facts is None or facts.bits <= 8:
        return _PLUGINS[header.syntax]
    if header.format.samples != 1 or facts.bits != 12:
        raise UnreadDicom(f"{facts.samples} samples of {facts.bits} bits in extended JPEG")
    return "gdcm-12"


def _options(layout: PixelFormat) -> dict[str, Any]:
    options = {
        "rows": layout.rows,
        "columns": layout.columns,
        "number_of_frames": 1,
        "samples_per_pixel": layout.samples,
        "photometric_interpretation": layout.photometric,
        "bits_allocated": layout.allocated,
        "bits_stored": layout.stored,
        "pixel_representation": int(layout.signed),
        "pixel_keyword": "PixelData",
    }
    return options | ({"planar_configuration": layout.planar} if layout.samples == 3 else {})


def _unsigned(values: NDArray[Any]) -> NDArray[Any]:
    return values.view(f"u{values.dtype.itemsize}")


def _of_words(values: NDArray[Any], layout: PixelFormat) -> NDArray[Any]:
    if values.dtype == np.int8:
        return values.astype(np.int16)
    return values if layout.signed or values.dtype.kind == "u" else _unsigned(values)


def _eight_bits(colours: NDArray[Any], stored: int) -> NDArray[np.uint8]:
    """Colours of more than 8 bits by their upper 8, of fewer stretched to 8."""
    if stored > 8:
        return (colours >> (stored - 8)).astype(np.uint8)
    if stored < 8:
        return np.rint(colours * (255 / ((1 << stored) - 1))).astype(np.uint8)
    return colours.astype(np.uint8)
