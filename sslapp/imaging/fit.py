"""Bring an image to the one size and channel count of a project's pixels."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sslapp.vocabulary import Aspect

Resample = Literal["bicubic", "bilinear"]

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def fit(
    image: NDArray[np.uint8],
    size: int,
    channels: int,
    aspect: Aspect = Aspect.PAD,
    resample: Resample = "bicubic",
) -> NDArray[np.uint8]:
    """Return (size, size, channels) uint8.

    Resampling averages over the source area when reducing (no aliasing). An image that is
    size x size already keeps its values bit for bit. Grey becomes three equal channels; RGB
    becomes ITU-R 601 luma.

    Args:
        image: (H, W), (H, W, 1) or (H, W, 3) uint8.
        size: S, in pixels.
        channels: 1 or 3.
        aspect: "pad" keeps the whole image and adds black borders, "stretch" distorts, "crop" keeps
            the centre.
        resample: the filter.

    Raises:
        ValueError: when the image, the size, the channels or the aspect are none of these.
    """
    if image.shape == (size, size, channels) and channels in (1, 3) and image.dtype == np.uint8:
        return image.copy()
    picture = _picture(image)
    if channels not in (1, 3) or size < 1:
        raise ValueError(f"fit: cannot make {size} x {size} pixels with {channels} channels.")
    mode = "L" if channels == 1 else "RGB"
    if picture.mode != mode:
        picture = picture.convert(mode)
    if picture.size != (size, size):
        picture = _resized(picture, size, aspect, _FILTERS[resample])
    return np.array(picture).reshape(size, size, channels)


def _picture(image: NDArray[np.uint8]) -> Image.Image:
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    colour = image.ndim == 3 and image.shape[2] == 3
    if image.dtype != np.uint8 or not (image.ndim == 2 or colour) or image.size == 0:
        raise ValueError(
            f"An image must be (H, W) or (H, W, 3) uint8, got {image.shape} {image.dtype}."
        )
    return Image.fromarray(np.ascontiguousarray(image))


def _resized(
    picture: Image.Image, size: int, aspect: Aspect, resample: Image.Resampling
) -> Image.Image:
    width, height = picture.size
    if aspect == Aspect.STRETCH:
        return picture.resize((size, size), resample)
    if aspect == Aspect.CROP:
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        return picture.resize((size, size), resample, box=box)
    if aspect == Aspect.PAD:
        scale = size / max(width, height)
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        page = Image.new(picture.mode, (size, size))
        small = picture.resize(inner, resample)
        page.paste(small, ((size - inner[0]) // 2, (size - inner[1]) // 2))
        return page
    raise ValueError(f'fit: aspect "{aspect}" is none of pad, stretch, crop.')
