"""Class-conditional split conformal sets: classes that an image may be, with a stated coverage.

Vovk, "Conditional Validity of Inductive Conformal Predictors" (Machine Learning 92, 2013), section
3. If an image of class c is exchangeable with the n_c labelled ones of that class, its set holds c
with a probability of at least 1 - alpha, whatever the model is worth. An image whose set has one
class can be proposed as that class.
"""

import math

import numpy as np
from numpy.typing import NDArray


def quantile(scores: NDArray[np.floating], alpha: float) -> float:
    """The k-th smallest of n scores, k = ceil((n + 1) (1 - alpha)); infinity where k > n."""
    k = math.ceil((len(scores) + 1) * (1 - alpha) - 1e-9)
    return math.inf if k > len(scores) else float(np.sort(scores)[max(k, 1) - 1])


def class_quantiles(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64], alpha: float
) -> NDArray[np.float64]:
    """(C,) quantile of 1 - p_c over the images of class c; infinity where they are too few.

    Args:
        probabilities: (n, C) of images that the model was not taught.
        labels: (n,) classes.
        alpha: in (0, 1), the share of a class's images that may be missed.

    Raises:
        ValueError: unless 0 < alpha < 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha: {alpha} is no share between 0 and 1.")
    missed = 1 - np.asarray(probabilities, dtype=np.float64)
    return np.array(
        [quantile(missed[labels == c, c], alpha) for c in range(probabilities.shape[1])]
    )


def sets(probabilities: NDArray[np.floating], quantiles: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N, C) bool: whether class c is in the image's set, 1 - p_c <= q_c.

    Args:
        probabilities: (N, C).
        quantiles: (C,) of `class_quantiles`.
    """
    inside: NDArray[np.bool_] = 1 - np.asarray(probabilities, dtype=np.float64) <= quantiles
    return inside
