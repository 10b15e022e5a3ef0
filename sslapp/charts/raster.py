"""The embedding map as a picture: past some ten thousand points density says more than points.

A pixel's colour is the mean colour of the points in it, its opacity grows with the logarithm of
how many they are, so that a single point is seen and a crowd does not hide its neighbours.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FAINTEST = 0.40
"""Opacity of a pixel with one point."""

STRONGEST = 0.92
"""Opacity of a pixel of the fullest hundredth."""


@dataclass(frozen=True)
class Box:
    """A part of the map, in its coordinates."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From bottom to top."""
        return self.top - self.bottom

    def padded(self, share: float) -> "Box":
        """The box with a margin of `share` of its longer side, and never without an area."""
        margin = max(share * max(self.width, self.height), 1e-6)
        return Box(self.left - margin, self.bottom - margin, self.right + margin, self.top + margin)


def bounds(xy: NDArray[np.floating]) -> Box:
    """The box around all points. xy: (N, 2); without points the unit square around the origin."""
    if len(xy) == 0:
        return Box(-1.0, -1.0, 1.0, 1.0)
    x, y = xy[:, 0], xy[:, 1]  # a column at a time is ten times quicker than min(axis=0)
    return Box(float(x.min()), float(y.min()), float(x.max()), float(y.max())).padded(0.02)


def density(
    xy: NDArray[np.floating],
    codes: NDArray[np.integer],
    colours: NDArray[np.uint8],
    box: Box,
    longest: int,
) -> NDArray[np.uint8]:
    """Draw points as density. Returns (H, W, 4) uint8 RGBA, first row on top.

    Args:
        xy: (N, 2); points outside the box are left out.
        codes: (N,) which row of `colours` each point has.
        colours: (K, 3) uint8 sRGB.
        box: what the picture shows, edge to edge.
        longest: pixels of the longer side; pixels are square.
    """
    scale = longest / max(box.width, box.height)
    width = max(round(box.width * scale), 1)
    height = max(round(box.height * scale), 1)
    cells, kept = _cells(xy, box, width, height)
    counts = np.bincount(cells, minlength=width * height)
    picture = np.zeros((height * width, 4), dtype=np.uint8)
    filled = np.flatnonzero(counts)
    if len(filled) == 0:
        return picture.reshape(height, width, 4)
    shown = codes[kept]
    many = counts[filled]
    for channel in range(3):
        weights = colours[:, channel].astype(np.float32)[shown]
        sums = np.bincount(cells, weights=weights, minlength=width * height)
        picture[filled, channel] = np.rint(sums[filled] / many)
    picture[filled, 3] = np.rint(255 * _opacity(many))
    return picture.reshape(height, width, 4)


def _cells(
    xy: NDArray[np.floating], box: Box, width: int, height: int
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """The pixel of each point in the box, counted row by row from the top, and which they are."""
    across = (xy[:, 0] - np.float32(box.left)) * np.float32(width / box.width)
    down = (np.float32(box.top) - xy[:, 1]) * np.float32(height / box.height)
    kept = (across >= 0) & (across <= width) & (down >= 0) & (down <= height)
    # a point on the far edge belongs to the last pixel
    column = np.minimum(across[kept].astype(np.int32), width - 1)
    row = np.minimum(down[kept].astype(np.int32), height - 1)
    return row * np.int32(width) + column, kept


def _opacity(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """FAINTEST for one point, STRONGEST from the 99th percentile on, logarithmic between."""
    full = max(float(np.quantile(counts, 0.99)), 2.0)
    share = np.log(counts) / np.log(full)
    return FAINTEST + (STRONGEST - FAINTEST) * np.minimum(share, 1.0)
