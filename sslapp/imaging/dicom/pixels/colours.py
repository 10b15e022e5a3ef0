"""Colours of every photometric interpretation as RGB (PS3.3, section C.7.6.3.1.2)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.processing import convert_color_space

from sslapp.imaging.dicom.encoding.elements import UnreadDicom
from sslapp.imaging.dicom.header import PixelFormat

_PARTIAL = np.array([[1.1644, 0.0, 1.5960], [1.1644, -0.3917, -0.8129], [1.1644, 2.0173, 0.0]])
"""From Y, Cb and Cr in 16 to 235 and 240 to RGB: what the standard's matrix is the inverse of."""


def expanded(values: NDArray[Any], layout: PixelFormat) -> NDArray[Any]:
    """(H, W, 3) of the samples of a native frame, with a colour for each pixel.

    Args:
        values: all samples, in the order of the file.

    Raises:
        UnreadDicom: when a row has an odd number of pixels that share colours by two.
    """
    shape = (layout.rows, layout.columns)
    if layout.photometric.endswith("_422"):
        if layout.columns % 2:
            raise UnreadDicom(f"{layout.photometric} with an odd number of Columns (0028,0011)")
        four = values.reshape(layout.rows, layout.columns // 2, 4)  # Y1 Y2 Cb Cr
        colours = np.empty((*shape, 3), values.dtype)
        colours[..., 0] = four[..., :2].reshape(shape)
        colours[..., 1:] = np.repeat(four[..., 2:], 2, axis=1)
        return colours
    if layout.photometric.endswith("_420"):
        raise UnreadDicom("YBR_PARTIAL_420 without compression")
    if layout.planar:
        return np.moveaxis(values.reshape(3, *shape), 0, -1)
    return values.reshape(*shape, 3)


def in_rgb(colours: NDArray[Any], photometric: str) -> NDArray[Any]:
    """(H, W, 3) as RGB, of the same type.

    Args:
        photometric: how the samples are meant.
    """
    if photometric.startswith("YBR_PARTIAL"):
        moved = colours.astype(np.float64) - (16, 128, 128)
        return np.rint(np.clip(moved @ _PARTIAL.T, 0, 255)).astype(colours.dtype)
    if photometric.startswith("YBR"):
        return convert_color_space(colours, "YBR_FULL", "RGB")
    return colours


def painted(values: NDArray[Any], colours: NDArray[np.uint8], first: int) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of (H, W) numbers of a palette; numbers beyond it get its ends."""
    places = np.clip(values.astype(np.int64) - first, 0, len(colours) - 1)
    return colours[places]
