"""Where every output pixel comes from: crops, flips and affine maps as integer coordinates.

PIL samples affine maps without interpolation in 16.16 fixed-point arithmetic (`affine_fixed` in
its Geometry.c). The same integers are used here, so results agree to the pixel and are the same
on every device. On a CPU the gather takes less than half the time of `grid_sample` with its
conversions to and from float.

Coordinates are int32 tensors that broadcast to (n, H, W).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from sslapp.training.augmentation.pixels import send

ONE = 1 << 16
LIMIT = 1 << 15


class Grid(NamedTuple):
    """Source columns and rows of output pixels, and where they lie outside the source."""

    x: Tensor
    y: Tensor
    outside: Tensor | None = None


def grid(height: int, width: int, device: torch.device) -> Grid:
    """The coordinates of the output pixels themselves: x (1, 1, W), y (1, H, 1)."""
    columns = torch.arange(width, device=device, dtype=torch.int32)
    rows = torch.arange(height, device=device, dtype=torch.int32)
    return Grid(columns.view(1, 1, -1), rows.view(1, -1, 1))


def sample(images: Tensor, source: Grid, fill: int = 0) -> Tensor:
    """Read (n, C, H, W) `images` at `source`; pixels from outside become `fill`."""
    count, channels, height, width = images.shape
    index = source.y.to(torch.int64) * width + source.x.to(torch.int64)
    index = index.expand(count, height, width).reshape(count, 1, height * width)
    flat = images.reshape(count, channels, height * width)
    out = flat.gather(2, index.expand(-1, channels, -1)).view(images.shape)
    if source.outside is not None:
        out.masked_fill_(source.outside[:, None], fill)
    return out


def affine(matrices: Tensor, height: int, width: int, device: torch.device) -> Grid:
    """Where (n, 6) int32 16.16 `matrices` (see below) lead; coordinates outside are clamped."""
    at = grid(height, width, device)
    a, b, c, d, e, f = send(matrices, device).view(-1, 6, 1, 1).unbind(1)
    x = (a * at.x + c + b * at.y).bitwise_right_shift_(16)
    y = (d * at.x + f + e * at.y).bitwise_right_shift_(16)
    outside = (x < 0).logical_or_(x >= width).logical_or_(y < 0).logical_or_(y >= height)
    return Grid(x.clamp_(0, width - 1), y.clamp_(0, height - 1), outside)


def crop(crops: Tensor, height: int, width: int, device: torch.device) -> Grid:
    """Where crops out of a reflected border lead: (n, 3) int32 direction, x and y origin.

    Direction -1 mirrors; the border repeats no edge pixel, so origins reach at most side - 1 out.
    """
    at = grid(height, width, device)
    direction, x, y = send(crops, device).view(-1, 3, 1, 1).unbind(1)
    return Grid(_reflect(direction * at.x + x, width), _reflect(at.y + y, height))


def rotation(degrees: Tensor, height: int, width: int) -> Tensor:
    """Counter-clockwise about the centre, as `Image.rotate`. degrees (n,) -> (n, 6)."""
    angle = -torch.deg2rad(degrees.cpu().to(torch.float64))
    cos, sin = angle.cos(), angle.sin()
    x, y = width / 2, height / 2
    rows = [cos, sin, x - x * cos - y * sin, -sin, cos, y + x * sin - y * cos]
    return _fixed(torch.stack(rows), height, width)


def shear(slope: Tensor, height: int, width: int, *, vertical: bool) -> Tensor:
    """Source x + slope y (or y + slope x when vertical), about the top left. (n,) -> (n, 6)."""
    slope = slope.cpu().to(torch.float64)
    one, zero = torch.ones_like(slope), torch.zeros_like(slope)
    across, down = (zero, slope) if vertical else (slope, zero)
    return _fixed(torch.stack([one, across, zero, down, one, zero]), height, width)


def translation(share: Tensor, height: int, width: int, *, vertical: bool) -> Tensor:
    """Source moved by share of the side, to the nearest pixel. (n,) -> (n, 6)."""
    side = height if vertical else width
    # PIL leaves fixed point for pure translations; rounding before scaling gives its result
    steps = torch.floor(share.cpu().to(torch.float64) * side + 0.5).clamp(-side, side)
    matrices = torch.tensor([[ONE, 0, 0, 0, ONE, 0]], dtype=torch.int32).repeat(len(steps), 1)
    matrices[:, 5 if vertical else 2] = steps.to(torch.int32) * ONE
    return matrices


def _reflect(position: Tensor, side: int) -> Tensor:
    return (side - 1) - ((side - 1) - position.abs()).abs()


def _fixed(affine: Tensor, height: int, width: int) -> Tensor:
    """(6, n) float64 maps of pixel corners -> (n, 6) int32 16.16 maps of pixel centres."""
    a, b, c, d, e, f = affine
    reach = torch.maximum(
        a.abs() * width + b.abs() * height + c.abs(), d.abs() * width + e.abs() * height + f.abs()
    )
    if not bool((reach < LIMIT - 1).all()):
        raise ValueError(
            f"magnitude: an affine map reaches {float(reach.max()):.0f} pixels away from the "
            f"image, but at most {LIMIT - 2} can be represented. Use a smaller magnitude."
        )
    centred = torch.stack([a, b, c + 0.5 * a + 0.5 * b, d, e, f + 0.5 * d + 0.5 * e], dim=1)
    return torch.floor(centred * ONE + 0.5).to(torch.int32)
