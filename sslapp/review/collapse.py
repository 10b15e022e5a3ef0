"""Whether a round has collapsed: it calls nearly everything one class, and the labels do not.

A screening set that is 97 % normal looks the same at first sight and is honest, so the holdout
decides: proposals are withheld only where it contradicts the predictions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST = 0.95
"""Share of the predictions above which a class is looked at."""

CONTRADICTS_FROM = 30
"""Labels of the holdout."""

ALPHA = 0.05
"""Probability of contradicting predictions that are right."""


@dataclass(frozen=True, kw_only=True)
class Collapse:
    """One class has nearly all predictions.

    Attributes:
        column: the class.
        share: of the predictions that are this class.
        labelled, labels: how many of the readers' labels are, and how many there are.
        contradicted: whether the holdout says that it cannot be so many.
    """

    column: int
    share: float
    labelled: int
    labels: int
    contradicted: bool


def find_collapse(
    predicted: NDArray[np.int64], labels: NDArray[np.int64], holdout: NDArray[np.int64]
) -> Collapse | None:
    """Compare the class with most predictions with the readers' labels.

    Args:
        predicted: (n,) columns of the pool's images.
        labels: (m,) columns of all labels that readers gave, the holdout's among them.
        holdout: (h,) columns of the holdout's labels, which were drawn at random.

    Returns:
        None unless the class has more than 95 % of the predictions and less of the labels. The
        holdout contradicts from 30 labels on, by a one-sided binomial test at 5 %.
    """
    if not len(predicted):
        return None
    counts = np.bincount(predicted)
    column = int(counts.argmax())
    share = float(counts[column] / len(predicted))
    labelled = int((labels == column).sum())
    if share <= MOST or labelled > MOST * len(labels):
        return None
    from scipy import stats

    seen, judged = int((holdout == column).sum()), len(holdout)
    contradicted = judged >= CONTRADICTS_FROM and bool(stats.binom.cdf(seen, judged, share) < ALPHA)
    return Collapse(
        column=column,
        share=share,
        labelled=labelled,
        labels=len(labels),
        contradicted=contradicted,
    )
