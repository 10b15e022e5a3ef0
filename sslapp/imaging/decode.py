"""Files from strangers become uint8 arrays, or are refused with one sentence.

Nothing is decoded before its format is on the allow-list and its declared size is within a limit,
because a picture file of a few hundred kilobytes may declare a gigabyte of pixels.
"""

import hashlib
import io
import warnings
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sslapp.imaging.bundles import SUFFIX as BUNDLE_SUFFIX
from sslapp.imaging.bundles import Bundle, glance
from sslapp.imaging.colour import has_other_colours, in_srgb
from sslapp.imaging.deep import (
    Samples,
    UnreadSamples,
    deep_samples,
    is_cut,
    tiff_reason,
    unopened_tiff,
)
from sslapp.imaging.intensities import OF_THE_IMAGE, IntensityMapping, UnclearValues
from sslapp.imaging.refused import MAX_BYTES, MAX_PIXELS, READERS_RAISE, RefusedFile
from sslapp.vocabulary import Intensities

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

DICOM_SUFFIX = ".dcm"

DICOM = (
    "a DICOM file, which comes in de-identified and so only with a folder or archive of such files"
)
"""Why a DICOM file is refused that is not de-identified."""

Image.init()  # here and not at the first file, which several threads may open at once

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
_COMMON_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive: Huffman, with losses
_NO_FRAMES = {0xC4, 0xC8, 0xCC}  # tables, and a marker that is kept free
DAMAGE = (
    *READERS_RAISE,
    SyntaxError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What Pillow's readers raise on damaged or hostile input."""

Found = TypeVar("Found")
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


def decode(
    content: bytes,
    name: str,
    intensities: IntensityMapping = OF_THE_IMAGE,
    *,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """Decode one picture file to (H, W) grey or (H, W, 3) RGB uint8, upright.

    The first frame of an animation, of a file with pages or of a de-identified DICOM file is taken,
    the latter as its own window shows it. The EXIF orientation is
    applied; a damaged EXIF block counts as none. Mapping of what is not 8-bit grey or RGB:
    black-and-white becomes 0 and 255; a palette becomes RGB; transparency is laid over white;
    colours of an ICC profile become sRGB's; CMYK without a profile and YCbCr are converted to RGB.

    Args:
        content: the whole file.
        name: what the message calls the file.
        intensities: how more than 8 bits a sample become 8. By their extremes, colours keep the
            upper 8 bits, and TIFF is read as Pillow reads it: as before there was a choice.
        max_pixels: largest width x height that is decoded.

    Raises:
        RefusedFile: when the format is not in FORMATS (nor DICOM that was de-identified, nor a
            bundle of it), the file is damaged, truncated or too large, or its samples are of a
            kind that is not read.
    """
    if glance(content) is not None:
        return _of_bundle(content, name, max_pixels)
    if _is_dicom(content):
        return _of_dicom(content, name, max_pixels)
    return _read(
        content,
        name,
        max_pixels,
        lambda image: _pixels(image, content, intensities, max_pixels),
    )


def deep_values(content: bytes, name: str) -> NDArray[np.generic] | None:
    """The (H, W) or (H, W, 3) values of a file of more than 8 bits a sample, larger is brighter.

    None for a file of at most 8 bits, or of inks. Raises like `decode`.
    """

    if _is_dicom(content) or glance(content) is not None:
        return None  # shown by what it says of itself

    def values(image: Image.Image | None) -> NDArray[np.generic] | None:
        found = _samples(image, content, MAX_PIXELS)
        return None if found is None or _is_ink(found) else found.values

    return _read(content, name, MAX_PIXELS, values)


def _read(
    content: bytes, name: str, max_pixels: int, read: Callable[[Image.Image | None], Found]
) -> Found:
    """What `read` makes of the opened file, or of None where Pillow does not open it."""
    if len(content) > MAX_BYTES:
        raise RefusedFile(
            f"{name}: {len(content):,} bytes are more than the {MAX_BYTES:,} allowed."
        )
    try:
        image = Image.open(io.BytesIO(content), formats=list(FORMATS))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RefusedFile(f"{name}: more pixels than the {max_pixels:,} allowed.") from error
    except DAMAGE as error:
        return _unopened(content, name, read, error)
    with image:
        width, height = image.size
        if width * height > max_pixels:
            raise RefusedFile(
                f"{name}: {width} x {height} pixels are more than the {max_pixels:,} allowed."
            )
        if width < 1 or height < 1:
            raise RefusedFile(f"{name}: {width} x {height} pixels are no image.")
        try:
            return read(image)
        except UnreadSamples as error:
            raise RefusedFile(f"{name}: {error} are not read; save it uncompressed.") from error
        except UnclearValues as error:
            raise RefusedFile(f"{name}: {error}.") from error
        except RefusedFile as error:
            raise RefusedFile(f"{name}: {error}") from error
        except DAMAGE as error:
            raise RefusedFile(f"{name}: the {image.format} file is damaged or cut off.") from error


def _unopened(
    content: bytes, name: str, read: Callable[[Image.Image | None], Found], error: Exception
) -> Found:
    why = tiff_reason(content)
    if why is None:
        raise RefusedFile(f"{name}: not a readable {_supported()} file.") from error
    try:
        return read(None)
    except UnclearValues as unclear:
        raise RefusedFile(f"{name}: {unclear}.") from unclear
    except (RefusedFile, *DAMAGE) as damage:
        raise RefusedFile(f"{name}: a TIFF file of {why} is not read.") from damage


def _is_dicom(content: bytes) -> bool:
    return content[128:132] == b"DICM"


def _of_dicom(content: bytes, name: str, max_pixels: int) -> NDArray[np.uint8]:
    """A de-identified file as it is seen; no other is taken in."""
    from sslapp.imaging.dicom.originals import picture  # pydicom takes a second to import

    seen = picture(content, name, max_pixels)
    if seen is None:
        raise RefusedFile(f"{name}: {DICOM}.")
    return seen


def _of_bundle(content: bytes, name: str, max_pixels: int) -> NDArray[np.uint8]:
    """Several de-identified DICOM files as what programs see of them."""
    from sslapp.imaging.dicom.together import seen_together  # as above

    return seen_together(Bundle(content, name), max_pixels)


def _samples(image: Image.Image | None, content: bytes, max_pixels: int) -> Samples | None:
    if image is not None:
        return deep_samples(image, content)
    found = unopened_tiff(content, max_pixels)
    if found is None:
        raise RefusedFile
    return found


def _pixels(
    image: Image.Image | None, content: bytes, intensities: IntensityMapping, max_pixels: int
) -> NDArray[np.uint8]:
    if intensities.choice is not Intensities.EXTREMES or image is None:
        found = _samples(image, content, max_pixels)
        if found is not None:
            profile = None if image is None else image.info.get("icc_profile")
            return _of_samples(found, intensities, profile)
    assert image is not None
    image.load()
    return _to_uint8(_upright(image), intensities)


def _of_samples(
    found: Samples, intensities: IntensityMapping, profile: bytes | None
) -> NDArray[np.uint8]:
    if _is_ink(found):
        picture = Image.frombytes(
            "CMYK", found.values.shape[1::-1], np.ascontiguousarray(found.values).tobytes()
        )
    else:
        seen = intensities.eight_bits(found.values)
        if found.opacity is not None:
            clear = 1 - found.opacity.reshape(*found.opacity.shape, *[1] * (seen.ndim - 2))
            seen = np.rint(seen + (255.0 - seen) * clear).astype(np.uint8)
        picture = Image.fromarray(np.ascontiguousarray(seen))
    if profile is not None and picture.mode != "L":  # the mapping decides about greys
        picture.info["icc_profile"] = profile
    turn = _UPRIGHT.get(found.orientation)
    return _to_uint8(picture if turn is None else picture.transpose(turn), intensities)


def _is_ink(found: Samples) -> bool:
    return found.values.ndim == 3 and found.values.shape[2] == 4


def suffix(content: bytes) -> str:
    """The file name suffix that fits what `content` really is.

    Raises:
        RefusedFile: when it is none of FORMATS, nor DICOM, nor a bundle.
    """
    if glance(content) is not None:
        return BUNDLE_SUFFIX
    if _is_dicom(content):
        return DICOM_SUFFIX
    try:
        with Image.open(io.BytesIO(content), formats=list(FORMATS)) as image:
            # a JPEG with several pictures opens as MPO
            return FORMATS.get(image.format or "", ".jpg")
    except DAMAGE as error:
        if tiff_reason(content) is not None:  # such as half floats
            return FORMATS["TIFF"]
        raise RefusedFile(f"The file is not a readable {_supported()} file.") from error


def browser_type(content: bytes) -> str | None:
    """The media type of a file that a browser shows just as `decode` sees it, None for any other.

    A browser moves animations, lays transparency over the page, cuts 16 bits down to their upper
    ones, turns CMYK into other colours, has a colour management of its own, and reads no lossless
    JPEG.
    """
    try:
        with Image.open(io.BytesIO(content), formats=list(FORMATS)) as image:
            plain = _is_plain(image, content) and not has_other_colours(image)
            upright = image.getexif().get(_ORIENTATION_TAG, 1) == 1
            still = image.format == "MPO" or getattr(image, "n_frames", 1) == 1
            opaque = image.mode in ("1", "L", "P", "RGB") and "transparency" not in image.info
            as_it_is = upright and still and opaque and plain
            return _BROWSER_TYPES.get(image.format or "") if as_it_is else None
    except DAMAGE:
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
    except DAMAGE:
        return image
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _is_plain(image: Image.Image, content: bytes) -> bool:
    """Whether it has 8 bits a sample, and as a JPEG a coding that every browser knows."""
    if image.format in ("JPEG", "MPO"):
        return _jpeg_frame(content) in _COMMON_FRAMES
    return not is_cut(image)


def _jpeg_frame(content: bytes) -> int | None:
    """The marker of a JPEG's frame header, which names its coding."""
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES:
            return marker
        if marker == 0xFF:  # padding
            at += 1
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return None


def _to_uint8(image: Image.Image, intensities: IntensityMapping) -> NDArray[np.uint8]:
    image = in_srgb(image)
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
        return intensities.eight_bits(np.array(image))
    raise RefusedFile(f"pixels of the kind {mode} are not supported; save it as grey or RGB.")


def _over_white(image: Image.Image) -> NDArray[np.uint8]:
    grey = image.mode in ("L", "LA")
    opaque = image.mode == "P" and "transparency" not in image.info
    if opaque:
        return np.array(image.convert("RGB"))
    with_alpha = image.convert("RGBA")
    page = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return np.array(Image.alpha_composite(page, with_alpha).convert("L" if grey else "RGB"))
