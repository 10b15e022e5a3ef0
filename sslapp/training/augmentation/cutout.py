"""Cutout: one box of constant colour in every image (DeVries and Taylor, 2017)."""

import torch
from torch import Tensor

from sslapp.training.augmentation.pixels import send

COLUMNS = 3


def boxes(drawn: Tensor, height: int, width: int, span: tuple[float, float]) -> Tensor:
    """(n, 3) uniforms -> (n, 4) int32 boxes x0, y0, x1, y1, ends excluded.

    The centre is uniform over the image and the side uniform in `span`, in shares of the image's.
    As in USB and in PyTorch ports of FixMatch a box that would begin left of or above the image
    is moved inside; one that passes the right or lower edge is cut there.
    """
    low, high = span
    size = torch.tensor([width, height], dtype=torch.float64)
    sides = torch.floor((low + (high - low) * drawn[:, 2:]) * size)  # (n, 2)
    start = torch.floor(drawn[:, :2] * size - sides / 2).clamp(min=0)
    end = torch.minimum(start + sides, size)
    return torch.cat([start, end], dim=1).to(torch.int32)


def cut_out(images: Tensor, box: Tensor, fill: tuple[int, int, int]) -> Tensor:
    """Paint (n, 4) boxes into (n, C, H, W) uint8 `images`, which are overwritten and returned.

    Grey images get the luma of `fill`.
    """
    red, green, blue = fill
    grey = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
    left, top, right, bottom = send(box, images.device).view(-1, 4, 1, 1).unbind(1)
    x = torch.arange(images.shape[3], dtype=torch.int32, device=images.device).view(1, 1, -1)
    y = torch.arange(images.shape[2], dtype=torch.int32, device=images.device).view(1, -1, 1)
    inside = ((x >= left) & (x < right)) & ((y >= top) & (y < bottom))  # (n, H, W)
    for channel, colour in enumerate(fill if images.shape[1] == 3 else (grey,)):
        images[:, channel].masked_fill_(inside, colour)
    return images
