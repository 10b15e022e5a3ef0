"""Evidence for a proposed label: the nearest images that an expert has labelled.

It comes from the embedding and the readers alone, not from the round, so it can contradict the
round. Images with an accepted pseudo-label are no evidence.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslapp.embedding.index import NeighbourIndex


@dataclass(frozen=True)
class Evidence:
    """The k nearest expert-labelled images of q images, nearest first.

    Attributes:
        positions: (q,) int64, the images asked about.
        neighbours: (q, k) int64 positions.
        classes: (q, k) int64 labels of the neighbours.
        distances: (q, k) float32 in the metric of the index.
    """

    positions: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    classes: NDArray[np.int64]
    distances: NDArray[np.float32]


def evidence(
    index: NeighbourIndex,
    positions: NDArray[np.int64],
    labelled_positions: NDArray[np.int64],
    labels: NDArray[np.int64],
    k: int = 5,
) -> Evidence:
    """Find the evidence for some images.

    Args:
        index: neighbours in the project's embedding.
        positions: (q,) images; one that is labelled itself is not its own evidence.
        labelled_positions: (n,) images labelled by an expert or an adjudicator.
        labels: (N,) int64 labels by position.
        k: neighbours of each; fewer when fewer are labelled.

    Raises:
        ValueError: when a position in `labelled_positions` has no label.
    """
    if (labels[labelled_positions] < 0).any():
        raise ValueError(
            "labelled_positions: an image without a label; only experts' labels count."
        )
    distances, neighbours = index.neighbours(positions, k, labelled_positions)
    return Evidence(positions, neighbours, labels[neighbours], distances)


def evidence_among(
    labelled: NeighbourIndex,
    features: NDArray[np.float32],
    positions: NDArray[np.int64],
    labelled_positions: NDArray[np.int64],
    classes: NDArray[np.int64],
    *,
    k: int = 5,
) -> Evidence:
    """As `evidence`, with an index of the labelled images alone: they are few, the project is not.

    Args:
        labelled: index whose row i is image labelled_positions[i].
        features: (q, D) of the images asked about.
        positions: (q,) those images; one that is labelled itself is not its own evidence.
        labelled_positions: (n,) images labelled by an expert or an adjudicator.
        classes: (n,) their labels.
    """
    distances, rows = labelled.search(features, k + 1)
    own = labelled_positions[rows] == positions[:, None]  # (q, k + 1), or fewer columns
    k = min(k, len(labelled_positions) - bool(own.any()))
    order = np.argsort(own, axis=1, kind="stable")[:, :k]
    rows = np.take_along_axis(rows, order, 1)
    distances = np.take_along_axis(distances, order, 1)
    return Evidence(positions, labelled_positions[rows], classes[rows], distances)


def disagreement(found: Evidence, columns: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return (q,) float32 in [0, 1]: the weighted share of neighbours of another class.

    The j-th nearest weighs 1/j, so that it does not depend on the metric's scale. Without any
    neighbour nothing speaks for the proposal, and the disagreement is 1.

    Args:
        found: the evidence.
        columns: (q,) proposed classes, numbered as the labels are.
    """
    count = found.classes.shape[1]
    if count == 0:
        return np.ones(len(columns), dtype=np.float32)
    weights = 1.0 / np.arange(1, count + 1)
    other = found.classes != columns[:, None]
    return (other @ weights / weights.sum()).astype(np.float32)
