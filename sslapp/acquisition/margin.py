"""Margin sampling, spread over the embedding: the images that the last round is torn about.

Doubt is the margin p1 - p2 between the two likeliest classes (Scheffer, Decomain and Wrobel,
"Active Hidden Markov Models for Information Extraction", 2001).
"""

import numpy as np
from numpy.typing import NDArray

from sslapp.acquisition.clusters import spread
from sslapp.acquisition.state import Pick, Situation

NAME = "margin"


def pick(situation: Situation, count: int, seed: int) -> list[Pick]:
    """Return `count` picks, or as many as there are, most doubtful first.

    Raises:
        ValueError: when there is no round yet.
    """
    if situation.probabilities is None:
        raise ValueError(
            'The strategy "margin" needs the predictions of a round. '
            'Run a round first, or choose "typiclust" or "auto".'
        )
    rows = situation.trainable
    count = min(count, len(rows))
    if count == 0:
        return []
    best = _two_best(situation.probabilities[rows])
    margins = best[:, 0] - best[:, 1]
    order = np.lexsort((rows, margins))
    reason = _reason if situation.num_classes > 1 else _no_doubt
    chosen = order[spread(situation.features, rows[order], count, seed)]
    return [
        Pick(int(rows[i]), NAME, reason(best[i]), holdout=False, score=float(-margins[i]))
        for i in chosen
    ]


def _two_best(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (n, 2): the largest and the second largest probability of each row; 0 for none."""
    if probabilities.shape[1] < 2:
        return np.pad(probabilities, ((0, 0), (0, 2 - probabilities.shape[1])))
    return -np.partition(-probabilities, 1, axis=1)[:, :2]


def _reason(best: NDArray[np.float32]) -> str:
    return f"The last round is torn between two classes: {best[0]:.0%} against {best[1]:.0%}."


def _no_doubt(_: NDArray[np.float32]) -> str:
    return "Only one class is in use, so the last round is in doubt about no image."
