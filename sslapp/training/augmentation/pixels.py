"""What goes into augmentation and what comes out of it: uint8 batches, then normalised floats."""

from collections.abc import Sequence

import torch
from torch import Tensor

RGB = 3


def check(images: Tensor) -> None:
    """Raise ValueError unless `images` is (n, 1 or 3, H, W) uint8."""
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(
            f"images: expected (n, 1 or 3, H, W) uint8, got {tuple(images.shape)} {images.dtype}. "
            "Augment before normalising, channels first."
        )


def draw(count: int, columns: int, generator: torch.Generator) -> Tensor:
    """(count, columns) float64 in [0, 1), drawn where the generator lives and brought to the host.

    The host has to know the draws, because group sizes follow from them. With a generator on
    the CPU nothing waits for the accelerator.
    """
    shape = (count, columns)
    drawn = torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float64)
    return drawn.cpu()


def send(parameters: Tensor, device: torch.device) -> Tensor:
    """Move a small host tensor to `device` without waiting for what that device is doing."""
    if device.type == "cuda" and parameters.device.type == "cpu":
        return parameters.pin_memory().to(device, non_blocking=True)
    return parameters.to(device)


def luma(images: Tensor) -> Tensor:
    """(n, C, H, W) uint8 -> (n, 1, H, W) int32 grey levels, rounded as ITU-R 601-2 in PIL."""
    if images.shape[1] == 1:
        return images.to(torch.int32)
    red, green, blue = images.to(torch.int32).split(1, dim=1)
    return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16


class Normalisation:
    """(n, C, H, W) uint8 -> float32 (images / 255 - mean) / std, per channel.

    Of grey images three numbers each make three channels: pre-trained networks see them so.

    Its numbers are sent to the device once, so that a step neither sends nor asks for any.

    Args:
        mean, std: C numbers each, in units of the full intensity range.
        device: where the images will be.

    Raises:
        ValueError: when there are not as many of one as of the other, or a std is not positive.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], device: torch.device) -> None:
        if len(mean) != len(std):
            raise ValueError(f"mean and std: {len(mean)} and {len(std)} numbers. {_ONE_A_CHANNEL}")
        if min(std) <= 0:
            raise ValueError(f"std: {min(std)} is not positive. A constant channel takes std 1.")
        scale = torch.tensor([1 / (255 * s) for s in std], dtype=torch.float32)
        shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], dtype=torch.float32)
        self._scale, self._shift = (send(each.view(1, -1, 1, 1), device) for each in (scale, shift))

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise a batch on the device.

        Raises:
            ValueError: when the images have another number of channels.
        """
        check(images)
        if images.shape[1] == 1 and self._scale.shape[1] == RGB:
            return images.to(torch.float32) * self._scale + self._shift  # (n, 3, H, W)
        if images.shape[1] != self._scale.shape[1]:
            raise ValueError(
                f"mean and std: {self._scale.shape[1]} numbers for {images.shape[1]} channels. "
                f"{_ONE_A_CHANNEL}"
            )
        return images.to(torch.float32).mul_(self._scale).add_(self._shift)


_ONE_A_CHANNEL = "Give one number a channel."


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """`Normalisation` of one batch on any device; a loop makes one Normalisation and keeps it."""
    return Normalisation(mean, std, images.device)(images)
