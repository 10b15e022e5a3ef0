"""Which points of the embedding map lie inside a lasso."""

import numpy as np
from numpy.typing import NDArray


def inside(polygon: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return (N,) bool: which points lie inside the polygon, by the even-odd rule.

    A ray from the point crosses the outline an odd number of times (Shimrat, "Algorithm 112",
    CACM 1962). Where the lasso crosses itself, regions surrounded twice are outside. Of two
    polygons that share an edge, exactly one holds a point on that edge.

    Args:
        polygon: (m, 2) corners in order; the last is joined to the first. Below three corners
            nothing is inside.
        points: (N, 2); a point with a coordinate that is not finite is outside.
    """
    corners = np.asarray(polygon, dtype=np.float64)
    result = np.zeros(len(points), dtype=bool)
    if len(corners) < 3 or len(points) == 0:
        return result
    # The box is widened to the next float32, so that points need not be copied to float64 to be
    # compared with it; what lies exactly outside is told below.
    low = np.nextafter(corners.min(axis=0).astype(np.float32), np.float32(-np.inf))
    high = np.nextafter(corners.max(axis=0).astype(np.float32), np.float32(np.inf))
    across, up = points[:, 0], points[:, 1]
    within = (across >= low[0]) & (across <= high[0]) & (up >= low[1]) & (up <= high[1])
    near = np.flatnonzero(within)
    # Sorted by height, the points beside an edge are one slice, and a lasso of sixty corners costs
    # hardly more than one of three.
    near = near[np.argsort(up[near])]
    x, y = np.asarray(points[near], dtype=np.float64).T
    odd = np.zeros(len(near), dtype=bool)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        # always upwards, so that the edge is the same numbers in both polygons that share it
        if y1 > y2:
            x1, y1, x2, y2 = x2, y2, x1, y1  # noqa: PLW2901
        beside = slice(*np.searchsorted(y, (y1, y2)))  # y1 <= y < y2; none beside a level edge
        odd[beside] ^= (x2 - x1) * (y[beside] - y1) > (x[beside] - x1) * (y2 - y1)
    result[near] = odd
    return result
