"""The weak view: a random crop out of a reflected border, and perhaps a mirror image."""

import torch
from torch import Tensor

from sslapp.training.augmentation import geometry, pixels

COLUMNS = 3


def weak(
    images: Tensor, generator: torch.Generator, *, flip: bool, padding: int | None = None
) -> Tensor:
    """Shift every image by up to `padding` pixels and mirror every second one.

    FixMatch (Sohn et al., NeurIPS 2020), section 2.3; the border is reflected.

    Args:
        images: (n, C, H, W) uint8 on any device.
        generator: source of all randomness; a CPU generator serves every device without waiting.
        flip: whether images may be mirrored (p = 0.5); never for digits or letters.
        padding: largest shift in pixels, below the side; by default an eighth of the shorter side.

    Returns:
        (n, C, H, W) uint8 on the same device.

    Raises:
        ValueError: when images are not uint8 (n, 1 or 3, H, W) or the padding does not fit.
    """
    pixels.check(images)
    return crop(images, pixels.draw(len(images), COLUMNS, generator), flip=flip, padding=padding)


def crop(images: Tensor, drawn: Tensor, *, flip: bool, padding: int | None) -> Tensor:
    """Crop and mirror (n, C, H, W) `images` after (n, 3) uniforms."""
    height, width = images.shape[2:]
    reach = _padding(padding, height, width)
    shift = torch.floor(drawn[:, :2] * (2 * reach + 1)).to(torch.int32) - reach
    mirrored = ((drawn[:, 2] < 0.5) & flip).to(torch.int32)
    crops = torch.stack([1 - 2 * mirrored, shift[:, 0] + mirrored * (width - 1), shift[:, 1]], 1)
    return geometry.sample(images, geometry.crop(crops, height, width, images.device))


def _padding(padding: int | None, height: int, width: int) -> int:
    shorter = min(height, width)
    if padding is None:
        return min(max(1, shorter // 8), shorter - 1)
    if not 0 <= padding < shorter:
        raise ValueError(
            f"padding: {padding} does not fit images of {height} x {width} pixels. "
            f"A reflected border is 0..{shorter - 1} pixels wide."
        )
    return padding
