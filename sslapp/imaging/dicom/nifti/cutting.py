"""A volume cut into slices and turned as readers of pictures expect them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from nibabel.orientations import io_orientation
from numpy.typing import NDArray

from sslapp.imaging.dicom.reading.typed import MOST_FRAMES
from sslapp.imaging.refused import MAX_PIXELS, RefusedFile

NEARLY_EQUAL = 1.2
"""Ratio of two spacings up to which either axis may be the one of the slices."""

_MOST_SIDE = 65_535
_TO_LPS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Stack:
    """Values cut and turned: (F, H, W) or (F, H, W, 3), and where they lie in LPS.

    Attributes:
        origin: (3,) mm, of the middle of the first pixel of the first frame.
        steps: (3, 3) mm; rows are the steps to the next frame, the next row, the next column.
    """

    values: NDArray[Any]
    origin: NDArray[np.float64]
    steps: NDArray[np.float64]


def cut(values: NDArray[Any], affine: NDArray[np.float64]) -> Stack:
    """Put the axes of a volume in the order of frames, rows and columns, and turn them."""
    axes = io_orientation(affine)  # of each voxel axis: which of R, A, S it follows, and whether
    world, signs = axes[:, 0].astype(int), axes[:, 1]  # towards it (1) or away from it (-1)
    across = _slice_axis(values.shape[:3], np.linalg.norm(affine[:3, :3], axis=0), world)
    by_world = {int(each): at for at, each in enumerate(world)}
    right, front, head = by_world[0], by_world[1], by_world[2]
    rows, columns = {0: (head, front), 1: (head, right), 2: (front, right)}[int(world[across])]
    order = (across, rows, columns)
    first = np.zeros(3)
    steps = np.empty((3, 3))
    turned = np.transpose(values, (*order, *range(3, values.ndim)))
    for place, axis in enumerate(order):
        wanted = 1 if axis == across and axis == head else -1  # to left, back, foot; slices to head
        steps[place] = affine[:3, axis]
        if signs[axis] != wanted:
            turned = np.flip(turned, place)
            first[axis] = values.shape[axis] - 1
            steps[place] *= -1
    origin = affine[:3, :3] @ first + affine[:3, 3]
    return Stack(turned, _TO_LPS @ origin, steps @ _TO_LPS)


def _slice_axis(shape: tuple[int, ...], sides: NDArray[np.float64], world: NDArray[Any]) -> int:
    single = [at for at in range(3) if shape[at] == 1]
    candidates = single or [at for at in range(3) if sides[at] * NEARLY_EQUAL >= sides.max()]
    to_head = [at for at in candidates if world[at] == 2]
    if single and 2 in single and to_head != [2]:
        return 2  # a picture of two dimensions
    return to_head[0] if to_head else max(candidates, key=lambda at: float(sides[at]))


def check_frames(shape: tuple[int, ...], name: str) -> None:
    """Refuse (F, H, W) of too many or too large slices.

    Raises:
        RefusedFile: then.
    """
    frames, rows, columns = shape[:3]
    if frames > MOST_FRAMES:
        raise RefusedFile(
            f"{name}: dim says {frames:,} slices, more than the {MOST_FRAMES:,} allowed."
        )
    if max(rows, columns) > _MOST_SIDE or rows * columns > MAX_PIXELS:
        raise RefusedFile(
            f"{name}: dim says slices of {columns:,} x {rows:,} voxels, more than "
            f"the {MAX_PIXELS:,} pixels or {_MOST_SIDE:,} a side allowed."
        )


def directions(stack: Stack) -> NDArray[np.float64]:
    """(2, 3) unit vectors along a row and along a column."""
    along = stack.steps[[2, 1]]
    return np.asarray(along / np.linalg.norm(along, axis=1, keepdims=True))
