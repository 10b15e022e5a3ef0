"""A de-identified file with parts of its picture blacked out: their stored values are gone.

Rectangles are given on the picture as it is seen, whose pixels are square, and hold in every frame.
"""

import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from sslapp.imaging.bundles import Bundle, glance
from sslapp.imaging.dicom.deidentification.mark import is_marked, marked
from sslapp.imaging.dicom.deidentification.writing import even, part_10
from sslapp.imaging.dicom.display import display, seen_size
from sslapp.imaging.dicom.encoding import syntaxes
from sslapp.imaging.dicom.encoding.elements import UnreadDicom
from sslapp.imaging.dicom.header import DicomHeader, PixelFormat
from sslapp.imaging.dicom.opening import DicomFile, open_dicom, refusing
from sslapp.imaging.dicom.pixels.frames import frame_count, frame_values, native_frame
from sslapp.imaging.dicom.reading.limits import native_bytes
from sslapp.imaging.rectangles import Rectangle
from sslapp.imaging.refused import MAX_BYTES, RefusedFile

_KEYWORDS = {"int": "PixelData", "float32": "FloatPixelData", "float64": "DoubleFloatPixelData"}
_BLACKS = {"RGB": (0, 0, 0), "YBR_PARTIAL_422": (16, 128, 128)}
_BLACK_YBR = (0, 128, 128)

Stored = tuple[slice, slice]
"""Rows and columns of a stored frame."""


def blackened(
    content: bytes, rectangles_by_series: Mapping[str, Sequence[Rectangle]], name: str = "the file"
) -> bytes:
    """Write an original anew, black in the rectangles of its series and the same elsewhere.

    The new file is uncompressed and says that no text is burned in. Colours that were compressed
    are RGB of 8 bits afterwards; greys keep their values. The same arguments give the same bytes.

    Args:
        content: a file that `cleaning` wrote, or a bundle of such files.
        rectangles_by_series: (pseudonymous) UID of a series -> rectangles on its pictures as seen.
        name: what messages call the file.

    Returns:
        A file that `cleaning` might have written; the content itself where its series has no
        rectangle.

    Raises:
        ValueError: when the file is not de-identified, or a rectangle lies outside of its picture.
        RefusedFile: when it is damaged, or too large without compression.
    """
    if glance(content) is not None:
        return Bundle(content, name).changed(
            lambda each: blackened(each, rectangles_by_series, name)
        )
    file = open_dicom(content, name)
    if not is_marked(file):
        raise ValueError(f"{name} is no file that was de-identified here; import it first.")
    rectangles = rectangles_by_series.get(file.header.series_uid, ())
    if not rectangles:
        return content
    if native_bytes(file.header.format) > MAX_BYTES:
        raise RefusedFile(
            f"{name}: without compression it has more than the {MAX_BYTES:,} bytes allowed."
        )
    for at in range(frame_count(file)):
        stored_parts(file.header, rectangles, at)  # refuses those that lie outside
    with refusing(name):
        data_set = dcmread(io.BytesIO(content))
        pixels = b"".join(_frames(file, rectangles, data_set))
        keyword = _KEYWORDS[file.header.format.kind]
        setattr(data_set, keyword, even(pixels))
        if keyword == "PixelData":
            data_set["PixelData"].VR = "OB" if data_set.BitsAllocated <= 8 else "OW"
            data_set["PixelData"].is_undefined_length = False
        data_set.BurnedInAnnotation = "NO"
        return marked(part_10(data_set, syntaxes.EXPLICIT))


def stored_parts(
    header: DicomHeader, rectangles: Sequence[Rectangle], frame: int = 0
) -> list[Stored]:
    """Where rectangles on a picture as seen lie in its stored frame, rounded outwards.

    Raises:
        ValueError: when one lies outside of the picture.
    """
    layout = header.format
    width, height = seen_size(header, frame)
    parts = []
    for each in rectangles:
        if not each.meets(width, height):
            raise ValueError(
                f"The rectangle {each} lies outside of the picture of {width} x {height} pixels."
            )
        rows = _stored(each.y, each.y + each.height, height, layout.rows)
        columns = _stored(each.x, each.x + each.width, width, layout.columns)
        parts.append((rows, columns))
    return parts


def _stored(start: int, stop: int, seen: int, stored: int) -> slice:
    """Stored pixels from which those seen from `start` to before `stop` are made.

    A picture is enlarged linearly: each pixel seen is made of the two whose middles lie around it.
    """
    if seen == stored:
        return slice(start, min(stop, stored))
    share = stored / seen
    first = math.floor((start + 0.5) * share - 0.5)
    last = math.floor((stop - 0.5) * share - 0.5) + 1
    return slice(max(0, first), min(stored, last + 1))


def _frames(file: DicomFile, rectangles: Sequence[Rectangle], data_set: Dataset) -> Iterator[bytes]:
    """Yield the frames' bytes, and say in the data set how they lie."""
    layout, header = file.header.format, file.header
    if layout.samples == 3 or (header.palette is not None and _darkest(header) is None):
        frame = _colours(file, data_set)
    elif layout.allocated == 1:
        yield _bits(file, rectangles)
        return
    else:
        frame = _greys(file)
    for at in range(frame_count(file)):
        yield frame(at, stored_parts(header, rectangles, at))


def _colours(file: DicomFile, data_set: Dataset) -> Callable[[int, list[Stored]], bytes]:
    """What makes the bytes of a frame of colours, of which black is always the same."""
    layout = file.header.format
    if file.fragments is None and layout.samples == 3:
        return lambda at, parts: _native_colours(native_frame(file, at), layout, parts)
    if layout.samples == 1:
        for end in ("Descriptor", "Data"):
            for colour in ("Red", "Green", "Blue"):
                del data_set[f"{colour}PaletteColorLookupTable{end}"]
    data_set.SamplesPerPixel, data_set.PhotometricInterpretation = 3, "RGB"
    data_set.PlanarConfiguration = 0
    data_set.BitsAllocated = data_set.BitsStored = 8
    data_set.HighBit, data_set.PixelRepresentation = 7, 0
    for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
        if keyword in data_set:
            del data_set[keyword]

    def decoded(at: int, parts: list[Stored]) -> bytes:
        values = np.array(frame_values(file, at))
        for rows, columns in parts:
            values[rows, columns] = 0
        return values.tobytes()

    return decoded


def _native_colours(content: bytes, layout: PixelFormat, parts: list[Stored]) -> bytes:
    """A frame that is not compressed, its samples as they lie."""
    values = np.frombuffer(content, f"<u{layout.allocated // 8}").copy()
    scale = 1 << max(0, layout.stored - 8)
    black = [each * scale for each in _BLACKS.get(layout.photometric, _BLACK_YBR)]
    if layout.photometric.endswith("_422"):
        pairs = values.reshape(layout.rows, layout.columns // 2, 4)  # Y1 Y2 Cb Cr
        for rows, columns in parts:
            pairs[rows, columns.start // 2 : -(-columns.stop // 2)] = [black[0], *black]
        return values.tobytes()
    shape = (layout.rows, layout.columns)
    if layout.planar:
        samples = np.moveaxis(values.reshape(3, *shape), 0, -1)
    else:
        samples = values.reshape(*shape, 3)
    for rows, columns in parts:
        samples[rows, columns] = black
    return values.tobytes()


def _greys(file: DicomFile) -> Callable[[int, list[Stored]], bytes]:
    """What makes the bytes of a frame of greys, or of numbers of a palette."""
    layout = file.header.format
    plain = replace(file, header=replace(file.header, palette=None))
    below = 0 if layout.kind != "int" else layout.high_bit + 1 - layout.stored

    def frame(at: int, parts: list[Stored]) -> bytes:
        if layout.kind != "int":
            kind = np.dtype(layout.kind).newbyteorder("<")
            values = np.frombuffer(native_frame(file, at), kind).copy()
            values = values.reshape(layout.rows, layout.columns)
        else:
            values = np.array(frame_values(plain, at))
        if file.header.palette is None:
            black = _black(file.header, values, at, parts)
        else:
            black = _darkest(file.header)
        for rows, columns in parts:
            values[rows, columns] = black
        if layout.kind != "int":
            return values.tobytes()
        kind = np.dtype(f"<u{layout.allocated // 8}")
        return (values.astype(kind) << below).astype(kind).tobytes()

    return frame


def _bits(file: DicomFile, rectangles: Sequence[Rectangle]) -> bytes:
    """All frames of single bits, which follow each other without padding."""
    frames = []
    for at in range(frame_count(file)):
        values = np.array(frame_values(file, at))
        parts = stored_parts(file.header, rectangles, at)
        black = _black(file.header, values, at, parts)
        for rows, columns in parts:
            values[rows, columns] = black
        frames.append(values.ravel())
    return np.packbits(np.concatenate(frames), bitorder="little").tobytes()


def _darkest(header: DicomHeader) -> int | None:
    """The number of a palette's black that a pixel can hold; None where there is none."""
    assert header.palette is not None
    colours, first = header.palette
    layout = header.format
    least = -(1 << layout.stored - 1) if layout.signed else 0
    numbers = np.flatnonzero(~colours.any(axis=1)) + first
    numbers = numbers[(numbers >= least) & (numbers < least + (1 << layout.stored))]
    return int(numbers[0]) if len(numbers) else None


def _black(header: DicomHeader, values: NDArray[Any], frame: int, parts: list[Stored]) -> Any:
    """The stored value that is seen darkest in a frame.

    One that the frame has is preferred, so that quantiles, and with them what the rest of a picture
    without a window looks like, stay about where they are.
    """
    bare = _square(header, frame)
    best, darkest = values.dtype.type(0), 256
    for each in _candidates(header.format, values):
        tried = values.copy()
        for rows, columns in parts:
            tried[rows, columns] = each
        seen = display(bare, tried)
        shown = max(int(seen[rows, columns].max()) for rows, columns in parts)
        if shown < darkest:
            best, darkest = each, shown
        if darkest == 0:
            break
    if darkest:
        raise UnreadDicom("no stored value is seen as black")
    return best


def _candidates(layout: PixelFormat, values: NDArray[Any]) -> list[Any]:
    """The least and largest value, of the frame and of all that a pixel can hold."""
    finite = values[np.isfinite(values)] if layout.kind != "int" else values
    own = [finite.min(), finite.max()] if finite.size else []
    if layout.kind != "int":
        ends = np.finfo(np.float32)
        return [*own, *(values.dtype.type(each) for each in (ends.min / 4, ends.max / 4))]
    least = -(1 << layout.stored - 1) if layout.signed else 0
    most = least + (1 << layout.stored) - 1
    return [*own, *(values.dtype.type(each) for each in (least, most))]


def _square(header: DicomHeader, frame: int) -> DicomHeader:
    """What is said of a frame, but for the sides of its pixels."""
    facts = replace(header.frame(frame), spacing=None)
    return replace(header, facts=facts, own=(), detector_spacing=None, aspect=None, regions=())
