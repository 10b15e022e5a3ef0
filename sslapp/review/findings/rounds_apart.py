"""Images about which two rounds, or the methods that they ran, disagree."""

import numpy as np
from numpy.typing import NDArray

from sslapp.review.findings.found import Found, rows_of


def rounds_apart(
    positions: NDArray[np.int64],
    ours: NDArray[np.int64],
    theirs: NDArray[np.int64],
    sure: NDArray[np.float32],
    they_are_sure: NDArray[np.float32],
) -> Found:
    """The images that two rounds give different classes, those first of which both are sure.

    Args:
        positions: (n,) images that both predict.
        ours, theirs: (n,) class ids; negative for none.
        sure, they_are_sure: (n,) calibrated probabilities of them.

    Returns:
        With the other round's class and its probability.
    """
    apart = np.flatnonzero((ours >= 0) & (theirs >= 0) & (ours != theirs))
    both = (sure * they_are_sure)[apart]
    found = rows_of(positions, they_are_sure.astype(np.float32), class_ids=theirs)
    return found.among(apart[np.lexsort((positions[apart], -both))])
