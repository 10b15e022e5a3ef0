"""The fourteen operations of RandAugment, each on a batch with one magnitude an image.

Every operation takes (n, C, H, W) uint8 images and (n,) magnitudes and returns new images equal,
level for level, to PIL's result for each image (ImageOps, ImageEnhance and `Image.transform` with
its default nearest resampling). Magnitudes are best kept on the CPU: their arithmetic is done
there in float64, as PIL does it, and only small integers travel to the images' device.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from sslapp.training.augmentation import geometry
from sslapp.training.augmentation.pixels import luma, send

Operation = Callable[[Tensor, Tensor], Tensor]
Matrices = Callable[[Tensor, int, int], Tensor]


def move(images: Tensor, matrices: Tensor, *, fill: int = 0) -> Tensor:
    """Apply affine maps: (n, 6) int32 `matrices` as made by the functions in `MATRICES`."""
    height, width = images.shape[2:]
    return geometry.sample(images, geometry.affine(matrices, height, width, images.device), fill)


def identity(images: Tensor, magnitude: Tensor) -> Tensor:
    """Leave the images as they are."""
    return images.clone()


def auto_contrast(images: Tensor, magnitude: Tensor) -> Tensor:
    """Stretch every channel to 0..255; a constant channel stays. The magnitude plays no part."""
    low = images.amin(dim=(2, 3), keepdim=True).to(torch.float64)
    high = images.amax(dim=(2, 3), keepdim=True).to(torch.float64)
    # PIL truncates this very sum, so its rounding errors show. float64, multiply, then add; and
    # a tensor is divided, because a number over a tensor becomes a rounded reciprocal in torch
    scale = torch.full_like(high, 255) / (high - low).clamp(min=1)
    stretched = images.to(torch.float64).mul_(scale).add_(-low * scale).clamp_(0, 255)
    return torch.where(high > low, stretched.to(torch.uint8), images)


def brightness(images: Tensor, magnitude: Tensor) -> Tensor:
    """Blend with black: 0 gives black, 1 the image."""
    return _blend(torch.zeros((), device=images.device), images, magnitude)


def color(images: Tensor, magnitude: Tensor) -> Tensor:
    """Blend with the grey image: 0 gives grey, 1 the image; grey images stay."""
    if images.shape[1] == 1:
        return images.clone()
    return _blend(luma(images).to(torch.float32), images, magnitude)


def contrast(images: Tensor, magnitude: Tensor) -> Tensor:
    """Blend with the mean grey level: 0 gives a constant image, 1 the image."""
    count = images.shape[2] * images.shape[3]
    total = luma(images).sum(dim=(2, 3), keepdim=True, dtype=torch.int64)
    mean = (2 * total + count) // (2 * count)
    return _blend(mean.to(torch.float32), images, magnitude)


def equalize(images: Tensor, magnitude: Tensor) -> Tensor:
    """Flatten every channel's histogram. The magnitude plays no part."""
    count, channels, height, width = images.shape
    levels = images.reshape(count * channels, height * width).to(torch.int64)
    one = torch.ones((), dtype=torch.int32, device=images.device)
    histogram = torch.zeros(len(levels), 256, dtype=torch.int32, device=images.device)
    histogram.scatter_add_(1, levels, one.expand_as(levels))  # (n C, 256)
    brightest = histogram.gather(1, levels.amax(dim=1, keepdim=True))
    step = torch.div(height * width - brightest, 255, rounding_mode="floor")  # (n C, 1)
    below = histogram.cumsum(dim=1, dtype=torch.int32) - histogram
    spread = torch.div(below + step // 2, step.clamp(min=1), rounding_mode="floor").clamp_(max=255)
    unchanged = torch.arange(256, dtype=torch.int32, device=images.device)
    table = torch.where(step > 0, spread, unchanged).to(torch.uint8)
    return table.gather(1, levels).view(images.shape)


def posterize(images: Tensor, magnitude: Tensor) -> Tensor:
    """Keep the highest int(magnitude) of 8 bits, 1..8."""
    bits = magnitude.cpu().to(torch.int64)
    if not bool(((bits >= 1) & (bits <= 8)).all()):
        raise ValueError(f"magnitude: posterize keeps 1 to 8 bits, got {bits.tolist()}.")
    mask = (256 - 2 ** (8 - bits)).to(torch.uint8)
    return images & _each(mask, images)


def rotate(images: Tensor, magnitude: Tensor, *, fill: int = 0) -> Tensor:
    """Turn counter-clockwise by `magnitude` degrees about the centre."""
    return move(images, rotation_matrices(magnitude, *images.shape[2:]), fill=fill)


def sharpness(images: Tensor, magnitude: Tensor) -> Tensor:
    """Blend with the smoothed image: 0 gives the smoothed image, 1 the image."""
    smooth = images.to(torch.float32)
    if min(images.shape[2:]) > 2:
        # kernel (1 1 1, 1 5 1, 1 1 1) / 13; the outermost pixels stay, as in PIL's filters
        rows = smooth[:, :, :-2] + smooth[:, :, 1:-1] + smooth[:, :, 2:]
        box = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
        inner = smooth[:, :, 1:-1, 1:-1]
        inner.copy_(box.add_(inner, alpha=4).div_(13).add_(0.5).floor_())
    return _blend(smooth, images, magnitude)


def shear_x(images: Tensor, magnitude: Tensor, *, fill: int = 0) -> Tensor:
    """Move row y to the left by magnitude * y pixels."""
    return move(images, shear_x_matrices(magnitude, *images.shape[2:]), fill=fill)


def shear_y(images: Tensor, magnitude: Tensor, *, fill: int = 0) -> Tensor:
    """Move column x up by magnitude * x pixels."""
    return move(images, shear_y_matrices(magnitude, *images.shape[2:]), fill=fill)


def solarize(images: Tensor, magnitude: Tensor) -> Tensor:
    """Invert every level that is not below the magnitude: 256 inverts nothing, 0 everything."""
    threshold = magnitude.cpu().ceil().clamp(0, 256).to(torch.int16)
    return torch.where(images < _each(threshold, images), images, 255 - images)


def translate_x(images: Tensor, magnitude: Tensor, *, fill: int = 0) -> Tensor:
    """Move to the left by magnitude * width, rounded to whole pixels."""
    return move(images, translate_x_matrices(magnitude, *images.shape[2:]), fill=fill)


def translate_y(images: Tensor, magnitude: Tensor, *, fill: int = 0) -> Tensor:
    """Move up by magnitude * height, rounded to whole pixels."""
    return move(images, translate_y_matrices(magnitude, *images.shape[2:]), fill=fill)


def rotation_matrices(magnitude: Tensor, height: int, width: int) -> Tensor:
    """(n, 6) matrices of `rotate`."""
    return geometry.rotation(magnitude, height, width)


def shear_x_matrices(magnitude: Tensor, height: int, width: int) -> Tensor:
    """(n, 6) matrices of `shear_x`."""
    return geometry.shear(magnitude, height, width, vertical=False)


def shear_y_matrices(magnitude: Tensor, height: int, width: int) -> Tensor:
    """(n, 6) matrices of `shear_y`."""
    return geometry.shear(magnitude, height, width, vertical=True)


def translate_x_matrices(magnitude: Tensor, height: int, width: int) -> Tensor:
    """(n, 6) matrices of `translate_x`."""
    return geometry.translation(magnitude, height, width, vertical=False)


def translate_y_matrices(magnitude: Tensor, height: int, width: int) -> Tensor:
    """(n, 6) matrices of `translate_y`."""
    return geometry.translation(magnitude, height, width, vertical=True)


OPERATIONS: dict[str, Operation] = {
    "AutoContrast": auto_contrast,
    "Brightness": brightness,
    "Color": color,
    "Contrast": contrast,
    "Equalize": equalize,
    "Identity": identity,
    "Posterize": posterize,
    "Rotate": rotate,
    "Sharpness": sharpness,
    "ShearX": shear_x,
    "ShearY": shear_y,
    "Solarize": solarize,
    "TranslateX": translate_x,
    "TranslateY": translate_y,
}

MATRICES: dict[str, Matrices] = {
    "Rotate": rotation_matrices,
    "ShearX": shear_x_matrices,
    "ShearY": shear_y_matrices,
    "TranslateX": translate_x_matrices,
    "TranslateY": translate_y_matrices,
}
"""The operations that only move pixels, as affine matrices, so that they share one gather."""


def _each(parameters: Tensor, images: Tensor) -> Tensor:
    return send(parameters.view(-1, 1, 1, 1), images.device)


def _blend(start: Tensor, images: Tensor, magnitude: Tensor) -> Tensor:
    """start + magnitude (images - start), in float32 and truncated, as PIL's Blend.c."""
    factor = _each(magnitude.to(torch.float32), images)
    blended = (images.to(torch.float32) - start).mul_(factor).add_(start)
    return blended.clamp_(0, 255).to(torch.uint8)
