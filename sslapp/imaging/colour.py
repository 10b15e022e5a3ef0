"""Colours as a file's ICC profile means them, in sRGB: what a browser that obeys profiles shows."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

NEAR = 2
"""Largest difference in a channel, of 255, for which a profile is taken to be sRGB itself."""

_GAMMA = 0.45455  # of a PNG whose values are meant as sRGB has them
_PLAIN = {"L": "L", "LA": "L", "CMYK": "CMYK"}


def in_srgb(image: Image.Image) -> Image.Image:
    """The image with its colours converted from its own profile to sRGB, as L, LA, RGB or RGBA.

    An image without a profile, with a damaged one or with sRGB's own comes back as it is.
    """
    transform = _of(image)
    if transform is None:
        return image
    if image.mode in ("P", "PA") or "transparency" in image.info:
        clear = image.mode == "PA" or "transparency" in image.info
        image = image.convert("RGBA" if clear else "RGB")
    base = _base(image)
    seen = ImageCms.applyTransform(image.convert(base), transform)
    assert seen is not None
    if base == "L":
        seen = seen.getchannel(0)  # a neutral colour: three equal channels
    if image.mode in ("LA", "RGBA"):
        seen.putalpha(image.getchannel("A"))
    return seen


def has_other_colours(image: Image.Image) -> bool:
    """Whether a program that obeys what a file says of its colours shows others than its values."""
    gamma = image.info.get("gamma")
    bent = isinstance(gamma, float) and "srgb" not in image.info and abs(gamma - _GAMMA) > 0.01
    return bent or _of(image) is not None


def _base(image: Image.Image) -> str:
    return _PLAIN.get(image.mode, "RGB")


def _of(image: Image.Image) -> ImageCms.ImageCmsTransform | None:
    profile = image.info.get("icc_profile")
    known = image.mode in ("L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
    return _transform(profile, _base(image)) if known and isinstance(profile, bytes) else None


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a profile to sRGB; None where it is damaged, of other channels, or nearly sRGB."""
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            *(mode, "RGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    if mode == "CMYK":
        return transform
    before = _colours(mode)
    after = ImageCms.applyTransform(before, transform)
    assert after is not None
    moved = np.asarray(after, np.int16) - np.asarray(before.convert("RGB"), np.int16)
    return None if np.abs(moved).max() <= NEAR else transform


def _colours(mode: str) -> Image.Image:
    """Every grey, or a lattice of colours, as an image."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1)
    return Image.fromarray(np.ascontiguousarray(lattice.reshape(1, -1, 3)))
