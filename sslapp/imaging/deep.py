"""Files of more than 8 bits a sample, whole: Pillow cuts their colours to the upper bits.

Pillow reads compressed ones and grey; tifffile (Gohlke) reads TIFF as it lies in the file, which
Pillow takes for something else where samples are stored in planes, as half floats or as inks.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

_BITS, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION = 258, 259, 262, 274
_SAMPLES, _PLANAR, _EXTRA, _FORMAT = 277, 284, 338, 339
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _INKS = 0, 1, 2, 5
_UNCOMPRESSED, _CONTIGUOUS, _UNSIGNED, _FLOAT = 1, 1, 1, 3


class UnreadSamples(ValueError):
    """Samples of a kind that is not read; the message names it."""


@dataclass(frozen=True, eq=False)
class Samples:
    """The samples of a deep image.

    Attributes:
        values: (H, W) or (H, W, 3), larger is brighter; or (H, W, 4) uint8 inks (CMYK).
        opacity: (H, W) float32, 0 to 1; None for an opaque image.
        orientation: EXIF's, that is still to be applied.
    """

    values: NDArray[np.generic]
    opacity: NDArray[np.float32] | None = None
    orientation: int = 1


def deep_samples(image: Image.Image, content: bytes) -> Samples | None:
    """The samples of an opened file, None for one that has at most 8 bits a sample.

    Args:
        image: the file, opened and not loaded; its size is within the limits.
        content: the file.

    Raises:
        UnreadSamples: naming the kind that is not read.
    """
    if isinstance(image, TiffImageFile):
        return _of_tiff(image, content)
    if image.mode == "F" or image.mode.startswith("I"):
        image.load()
        return Samples(np.array(image), orientation=_orientation(image))
    return _of_png(content, _rawmode(image)) if is_cut(image) else None


def is_cut(image: Image.Image) -> bool:
    """Whether it is a PNG with colours of 16 bits, of which Pillow gives the upper 8."""
    return image.format == "PNG" and _rawmode(image).endswith(";16B")


def tiff_bytes(values: NDArray[np.generic]) -> bytes:
    """A TIFF that holds (H, W) or (H, W, 3) numbers of 2 to 8 bytes as they are."""
    import tifffile

    file = io.BytesIO()
    photometric = "rgb" if values.ndim == 3 else "minisblack"
    tifffile.imwrite(file, values, photometric=photometric, metadata=None)
    return file.getvalue()


def tiff_reason(content: bytes) -> str | None:
    """Why a TIFF that Pillow does not open is not read, in words; None where it is damaged."""
    page = _page(content)
    if page is None:
        return None
    bits = page.bitspersample
    if not isinstance(bits, int):
        return None  # damaged tags come as bytes
    return f"{bits} bits a sample" if bits not in (1, 8, 16, 32, 64) else _kind(page)


def unopened_tiff(content: bytes, max_pixels: int) -> Samples | None:
    """The samples of a TIFF that Pillow does not open, such as half floats; None where they are not
    read either."""
    page = _page(content)
    if page is None or not 0 < page.imagewidth * page.imagelength <= max_pixels:
        return None
    return _uncompressed(page, content)


def _of_png(content: bytes, rawmode: str) -> Samples:
    if rawmode.startswith("LA"):
        # four bytes a pixel, which are upper and lower byte of grey and of opacity
        with Image.open(io.BytesIO(content)) as image:
            image._mode = "RGBA"
            _load_as(image, "RGBA")
            halves = np.array(image).astype(np.uint16)  # (H, W, 4)
            both = halves[..., 0::2] << 8 | halves[..., 1::2]  # (H, W, 2)
            return Samples(both[..., 0], _share(both[..., 1]), _orientation(image))
    return _two_bytes(content, rawmode, "BL")


def _of_tiff(image: TiffImageFile, content: bytes) -> Samples | None:
    tags = image.tag_v2
    bits = max(_numbers(tags.get(_BITS, 1)))
    if bits <= 8:
        return None
    if tags.get(_COMPRESSION, _UNCOMPRESSED) == _UNCOMPRESSED and bits in (16, 32, 64):
        page = _page(content)
        found = None if page is None else _uncompressed(page, content)
        if found is not None:
            return found
    photometric = tags.get(_PHOTOMETRIC)
    if tags.get(_SAMPLES, 1) == 1 and photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO):
        image.load()
        values = np.array(image)
        kind = max(_numbers(tags.get(_FORMAT, _UNSIGNED)))
        if image.mode == "I" and kind == _UNSIGNED and bits == 32:
            values = values.view(np.uint32)  # Pillow's integers are signed
        values = _inverted(values, bits) if photometric == _WHITE_IS_ZERO else values
        return Samples(values, orientation=_orientation(image))
    contiguous = tags.get(_PLANAR, _CONTIGUOUS) == _CONTIGUOUS
    if image.mode in ("RGB", "RGBA") and bits == 16 and contiguous:
        rawmode = _rawmode(image)
        return _two_bytes(content, rawmode, "BL" if rawmode.endswith("B") else "LB")
    raise UnreadSamples(
        f"compressed samples of {bits} bits in {'pixels' if contiguous else 'planes'}"
    )


def _two_bytes(content: bytes, rawmode: str, orders: str) -> Samples:
    """Colours of 16 bits. Pillow's unpackers keep one byte of two: the first of what they take for
    big-endian ("B"), the second of what they take for little-endian ("L")."""
    halves = []
    colour = rawmode.partition(";")[0]
    for order in orders:
        with Image.open(io.BytesIO(content)) as image:
            _load_as(image, f"{colour};16{order}")
            halves.append(np.array(image).astype(np.uint16))
            orientation = _orientation(image)
    both = halves[0] << 8 | halves[1]
    opacity = _share(both[..., 3]) if both.shape[2] == 4 else None
    return Samples(both[..., :3], opacity, orientation)


def _rawmode(image: Image.Image) -> str:
    """The name of Pillow's unpacker for the image; "" where it has none."""
    assert isinstance(image, ImageFile.ImageFile)
    args = image.tile[0].args if image.tile else None
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _load_as(image: Image.Image, rawmode: str) -> None:
    """Load an image with another of Pillow's unpackers than it would take."""
    assert isinstance(image, ImageFile.ImageFile)
    image.tile = [
        tile._replace(args=(rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode)
        for tile in image.tile
    ]
    image.load()


def _page(content: bytes) -> Any:
    """The first page of a TIFF as tifffile describes it, None for what is no TIFF."""
    import tifffile  # a tenth of a second that most sets need not wait

    if content[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return None
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            return file.pages[0]
    except Exception:  # tifffile raises nearly anything on damaged files
        return None


def _uncompressed(page: Any, content: bytes) -> Samples | None:
    """The samples of a page that lies in the file as it is, None for another kind.

    What is compressed stays with Pillow, whose decoders write no more than an image's size.
    """
    import tifffile

    plain = page.compression == _UNCOMPRESSED and page.dtype is not None and page.imagedepth == 1
    if not plain or page.samplesperpixel not in (1, 2, 3, 4, 5) or page.bitspersample % 8:
        return None
    ends = [a + b for a, b in zip(page.dataoffsets, page.databytecounts, strict=False)]
    # strips may claim the same bytes, so that a small file would become gigabytes
    if max(*ends, page.nbytes) > len(content) or sum(page.databytecounts) < page.nbytes:
        raise EOFError
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            rows = np.asarray(file.pages[0].asarray())
    except tifffile.TiffFileError as error:
        raise ValueError(str(error)) from error
    if page.axes.startswith("S"):
        rows = np.moveaxis(rows, 0, -1)  # (S, H, W) -> (H, W, S)
    rows = rows.reshape(page.imagelength, page.imagewidth, -1)
    return _meant(rows, page)


def _meant(rows: NDArray[Any], page: Any) -> Samples | None:
    """(H, W, S) samples as brightness, colour or ink."""
    photometric = int(page.photometric)
    colours = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _INKS: 4}.get(photometric, 0)
    if not colours or rows.shape[2] < colours:
        return None
    tag = page.tags.get(_ORIENTATION)
    orientation = tag.value if tag is not None and isinstance(tag.value, int) else 1
    values = rows[..., :colours]
    if photometric == _INKS:
        if rows.dtype != np.uint16:
            return None
        return Samples((values >> 8).astype(np.uint8), orientation=orientation)
    if photometric == _WHITE_IS_ZERO:
        values = _inverted(values, page.bitspersample)
    clear = colours < rows.shape[2] and page.extrasamples and int(page.extrasamples[0]) in (1, 2)
    opacity = _share(rows[..., colours]) if clear and rows.dtype.kind == "u" else None
    return Samples(values[..., 0] if colours == 1 else values, opacity, orientation)


def _inverted(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Larger is brighter, of samples whose zero is white."""
    if values.dtype.kind == "u":
        return values.dtype.type((1 << bits) - 1) - values
    return -values.astype(np.float64)


def _share(values: NDArray[Any]) -> NDArray[np.float32]:
    return (values / np.iinfo(values.dtype).max).astype(np.float32)


def _kind(page: Any) -> str:
    number = "floating" if page.sampleformat == _FLOAT else "whole"
    return (
        f"{number} numbers of {page.bitspersample} bits a sample, photometric interpretation "
        f"{page.photometric!s} and compression {page.compression!s}"
    )


def _numbers(value: Any) -> Sequence[int]:
    return value if isinstance(value, tuple) else (value,)


def _orientation(image: Image.Image) -> int:
    found = image.getexif().get(_ORIENTATION, 1)
    return found if isinstance(found, int) else 1
