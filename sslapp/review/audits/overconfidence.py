"""Whether the answers of an audit contradict the confidences that its images were drawn by.

A bound says how many labels are wrong and asks no confidence; a reader who sees .97 beside a label
believes it all the same. So the confidences are put to the test as the answers come in.
"""

import numpy as np
from numpy.typing import NDArray

from sslapp.review.audits.draw import LEAST

FACTORS = (2.0, 4.0, 8.0, 16.0)
"""How many times higher the odds of an error are supposed to be, each with an equal share."""

MOST = 700.0
"""Of its logarithm: a number is all that a caller needs."""


def capital(confidence: NDArray[np.float64], errors: NDArray[np.bool_]) -> float:
    """What betting against the confidences has brought by now, from 1.

    If each label is wrong with at most the chance 1 - c that its confidence leaves, whatever was
    answered before, the capital is a nonnegative supermartingale: it ever reaches 1 / alpha with a
    probability of at most alpha (Ville), however often the reader looks. It is the likelihood of
    the answers with odds of an error that are 2, 4, 8 or 16 times as high, over that with those
    that the confidences promise.

    Args:
        confidence: (t,) of the images asked about, in the order of the queue.
        errors: (t,) bool, what was answered otherwise.

    """
    promised = np.clip(1 - confidence, LEAST, 1 - LEAST)
    odds = promised / (1 - promised)
    supposed = np.multiply.outer(FACTORS, odds)
    supposed /= 1 + supposed
    gain = np.where(errors, supposed / promised, (1 - supposed) / (1 - promised))
    grown = np.log(gain).sum(axis=1)
    mixed = float(np.logaddexp.reduce(grown)) - np.log(len(FACTORS))
    return float(np.exp(min(mixed, MOST)))
