"""Images unlike everything that is labelled: by distance, and by the energy of a classifier.

Neither is enough alone: what lies far off may lie beyond one class and be clearly of it, and a
linear classifier is surest of all about what is farthest from its boundaries. So the ranks in both
are averaged.
"""

import numpy as np
from numpy.typing import NDArray

from sslapp.review.findings.found import Found, rows_of

SHARE, LEAST, MOST = 0.01, 50, 1_000
"""What is listed of the images asked about: a hundredth, at least 50, at most 1,000."""


def outliers(
    positions: NDArray[np.int64],
    distances: NDArray[np.float32],
    nearest: NDArray[np.int64],
    energies: NDArray[np.float32] | None,
) -> Found:
    """The images that are least like what is labelled, the oddest first.

    Args:
        positions: (n,) images.
        distances: (n,) to the nearest labelled image of each.
        nearest: (n,) its position.
        energies: (n,) of a classifier of the labels, higher for what it knows less; None where
            labels of one class alone teach none.
    """
    from scipy.stats import rankdata

    odd = rankdata(distances)
    if energies is not None:
        odd = odd + rankdata(energies)
    wanted = min(len(positions), MOST, max(LEAST, round(SHARE * len(positions))))
    order = np.lexsort((positions, -odd))[:wanted]
    found = rows_of(positions, distances.astype(np.float32), others=nearest)
    return found.among(order)
