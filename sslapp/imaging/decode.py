"""Files from strangers become uint8 arrays, or are refused with one sentence.

Nothing is decoded before its format is on the allow-list and its declared size is within a limit,
because a picture file of a few hundred kilobytes may declare a gigabyte of pixels.
"""

import hashlib
import io
import struct
import warnings
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FORMATS = {
    "PNG": ".png",
    "JPEG": ".jpg",
    "TIFF": ".tif",
    "WEBP": ".webp",
    "BMP": ".bmp",
    "GIF": ".gif",
    "PPM": ".ppm",
}
"""Pillow's format names that are read, and the suffix an exported file of that format gets."""

Image.init()  # here and not at the first file, which several threads may open at once

MAX_PIXELS = 64_000_000
MAX_BYTES = 256 * 2**20

_ORIENTATION_TAG = 0x0112
_BROWSER_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # a JPEG with several pictures, of which browsers show the first
    "WEBP": "image/webp",
    "GIF": "image/gif",
}
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow's format readers raise any of these on damaged or hostile input; there is no common base.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    EOFError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


class RefusedFile(ValueError):
    """A file that is not taken in; the message is one sentence for the reader."""


def decode(content: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode one picture file to (H, W) grey or (H, W, 3) RGB uint8, upright.

    The first frame of an animation or of a file with pages is taken. The EXIF orientation is
    applied; a damaged EXIF block counts as none. Mapping of what is not 8-bit grey or RGB:
    black-and-white becomes 0 and 255; a palette becomes RGB; transparency is laid over white;
    16-bit grey, 32-bit integer and float grey are stretched so that the image's own smallest value
    becomes 0 and its largest 255; 16-bit colour keeps the upper 8 bits; CMYK and YCbCr are
    converted to RGB without a colour profile.

    Args:
        content: the whole file.
        name: what the message calls the file.
        max_pixels: largest width x height that is decoded.

    Raises:
        RefusedFile: when the format is not in FORMATS, the file is damaged, truncated or too large.
    """
    if len(content) > MAX_BYTES:
        raise RefusedFile(
            f"{name}: {len(content):,} bytes are more than the {MAX_BYTES:,} allowed."
        )
    try:
        image = Image.open(io.BytesIO(content), formats=list(FORMATS))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RefusedFile(f"{name}: more pixels than the {max_pixels:,} allowed.") from error
    except _DAMAGE as error:
        raise RefusedFile(f"{name}: not a readable {_supported()} file.") from error
    with image:
        width, height = image.size
        if width * height > max_pixels:
            raise RefusedFile(
                f"{name}: {width} x {height} pixels are more than the {max_pixels:,} allowed."
            )
        if width < 1 or height < 1:
            raise RefusedFile(f"{name}: {width} x {height} pixels are no image.")
        try:
            image.load()
            return _to_uint8(_upright(image), name)
        except RefusedFile:
            raise
        except _DAMAGE as error:
            raise RefusedFile(f"{name}: the {image.format} file is damaged or cut off.") from error


def suffix(content: bytes) -> str:
    """The file name suffix that fits what `content` really is.

    Raises:
        RefusedFile: when it is none of FORMATS.
    """
    try:
        with Image.open(io.BytesIO(content), formats=list(FORMATS)) as image:
            # a JPEG with several pictures opens as MPO
            return FORMATS.get(image.format or "", ".jpg")
    except _DAMAGE as error:
        raise RefusedFile(f"The file is not a readable {_supported()} file.") from error


def browser_type(content: bytes) -> str | None:
    """The media type of a file that a browser shows just as `decode` sees it, None for any other.

    A browser moves animations, lays transparency over the page, cuts 16-bit grey down to its
    upper bits and turns CMYK into other colours.
    """
    try:
        with Image.open(io.BytesIO(content), formats=list(FORMATS)) as image:
            upright = image.getexif().get(_ORIENTATION_TAG, 1) == 1
            still = image.format == "MPO" or getattr(image, "n_frames", 1) == 1
            opaque = image.mode in ("1", "L", "P", "RGB") and "transparency" not in image.info
            return _BROWSER_TYPES.get(image.format or "") if upright and still and opaque else None
    except _DAMAGE:
        return None


def pixel_sha256(array: NDArray[np.uint8]) -> str:
    """Hexadecimal sha256 of an image's shape and values; (H, W, 1) equals (H, W)."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    digest = hashlib.sha256("x".join(str(length) for length in array.shape).encode() + b"\n")
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _supported() -> str:
    return ", ".join(FORMATS)


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    except _DAMAGE:
        return image
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _to_uint8(image: Image.Image, name: str) -> NDArray[np.uint8]:
    mode = image.mode
    if mode in ("L", "RGB"):
        # a PNG may name one of its colours as the transparent one
        if "transparency" not in image.info:
            return np.array(image)
        return _over_white(image)
    if mode == "1":
        return np.array(image.convert("L"))
    if mode in ("P", "PA", "LA", "RGBA", "RGBa"):
        return _over_white(image)
    if mode in ("CMYK", "YCbCr", "RGBX"):
        return np.array(image.convert("RGB"))
    if mode == "F" or mode.startswith("I"):
        return _stretched(np.array(image), name)
    raise RefusedFile(
        f"{name}: pixels of the kind {mode} are not supported; save it as grey or RGB."
    )


def _over_white(image: Image.Image) -> NDArray[np.uint8]:
    grey = image.mode in ("L", "LA")
    opaque = image.mode == "P" and "transparency" not in image.info
    if opaque:
        return np.array(image.convert("RGB"))
    with_alpha = image.convert("RGBA")
    page = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return np.array(Image.alpha_composite(page, with_alpha).convert("L" if grey else "RGB"))


def _stretched(values: NDArray[np.generic], name: str) -> NDArray[np.uint8]:
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise RefusedFile(f"{name}: some pixel values are not finite numbers.")
    low, high = numbers.min(), numbers.max()
    if high == low:
        return np.zeros(numbers.shape, np.uint8)
    return np.rint((numbers - low) / (high - low) * 255).astype(np.uint8)
