"""TypiClust: the most typical image of each group of images that has no label yet.

Hacohen, Dekel and Weinshall, "Active Learning on a Budget: Opposite Strategies Suit High and Low
Budgets", ICML 2022, algorithm 1. With few labels a model's doubts are noise; typical images of
all regions of the embedding teach it more. Labels and b picks: |L| + b clusters, of which those
without a label are covered in the order of their size; typicality is the inverse mean distance to
the 20 nearest images of the cluster (eq. 4).
"""

import numpy as np
from numpy.typing import NDArray

from sslapp.acquisition.clusters import cluster, compact
from sslapp.acquisition.state import Pick, Positions, Situation
from sslapp.embedding import pca
from sslapp.embedding.index import NeighbourIndex

NAME = "typiclust"
MOST_CLUSTERS = 500
NEIGHBOURS = 20
SMALL_CLUSTER = 5
_MEMBERS_COMPARED = 2_000  # of one cluster: all pairs of a large one would take minutes


def pick(situation: Situation, count: int, seed: int) -> list[Pick]:
    """Return `count` picks, or as many as there are.

    When every cluster has a label, the ones with the fewest labels are taken, larger ones first;
    clusters of fewer than 5 images come last.
    """
    free, labelled = situation.compared(seed), situation.labelled
    count = min(count, len(free))
    if count == 0:
        return []
    rows = np.concatenate([free, labelled])
    points = compact(situation.features[rows], seed)
    number = min(len(labelled) + count, MOST_CLUSTERS)
    assigned = cluster(points, number, seed)
    sizes = np.bincount(assigned, minlength=number)
    covered = np.bincount(assigned[len(free) :], minlength=number)
    left = np.bincount(assigned[: len(free)], minlength=number)
    index = NeighbourIndex(points, "l2")
    ranked: dict[int, list[tuple[int, float]]] = {}
    picks: list[Pick] = []
    while len(picks) < count and left.any():
        best = _next_cluster(sizes, covered, left)
        if best not in ranked:
            members = pca.sample_rows(np.flatnonzero(assigned == best), seed, _MEMBERS_COMPARED)
            ranked[best] = _by_typicality(index, members, len(free))
            left[best] = len(ranked[best])
            continue
        place, typicality = ranked[best].pop(0)
        reason = _reason(int(sizes[best]), int(covered[best]))
        picks.append(Pick(int(free[place]), NAME, reason, holdout=False, score=typicality))
        covered[best] += 1
        left[best] -= 1
    return picks


def _next_cluster(
    sizes: NDArray[np.int64], covered: NDArray[np.int64], left: NDArray[np.int64]
) -> int:
    """The uncovered cluster of most images, as the paper has it, among those with images left."""
    numbers = np.flatnonzero(left)
    order = np.lexsort((-sizes[numbers], covered[numbers], sizes[numbers] < SMALL_CLUSTER))
    return int(numbers[order[0]])


def _by_typicality(index: NeighbourIndex, members: Positions, free: int) -> list[tuple[int, float]]:
    """Rank the members below `free`, which have no label, as (row, typicality), best first."""
    if len(members) == 1:
        return [(int(row), 0.0) for row in members if row < free]
    distances, _ = index.neighbours(members, NEIGHBOURS, members)
    typicality = 1.0 / (distances.mean(axis=1) + 1e-12)  # exact duplicates have distance 0
    order = np.lexsort((members, -typicality))
    return [(int(members[i]), float(typicality[i])) for i in order if members[i] < free]


def _reason(size: int, covered: int) -> str:
    known = "none of which is labelled yet" if covered == 0 else f"of which {covered} are labelled"
    return f"Typical of {size} similar images, {known}."
