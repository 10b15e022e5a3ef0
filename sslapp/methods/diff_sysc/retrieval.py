"""Labels retrieved from nearest neighbours (LRA-diffusion: Chen et al., NeurIPS 2023, section 4.1).

Every labelled image has a pool of k + 1 labels: those of its k nearest labelled images in the
frozen features, itself among them, and its own. At each visit one label is drawn from the pool and
weighted by how often it occurs there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sslapp.embedding.index import NeighbourIndex
from sslapp.training.task import Indices

QUERIES = 4096

AGREEING = 0.95
"""Share of retrieved labels that must be the image's own where k is chosen by them."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest rows of each row, itself among them, nearest first.

    Attributes:
        rows: (n, k) int64.
        distances: (n, k) float32.
    """

    rows: Indices
    distances: NDArray[np.float32]


NONE = Neighbours(np.zeros((0, 0), dtype=np.int64), np.zeros((0, 0), dtype=np.float32))


def nearest(
    features: NDArray[np.float32],
    k: int,
    known: Neighbours = NONE,
    *,
    check: Callable[[], None] = lambda: None,
) -> Neighbours:
    """The k nearest of every row.

    Args:
        features: (n, D).
        k: shrinks to n.
        known: those of the first rows among themselves; they are compared with the new rows alone.
        check: called now and then; may raise to stop.
    """
    old = len(known.rows)
    found = _search(features, features[old:], k, check)
    if not old:
        return found
    of_old = _search(features[old:], features[:old], k, check)
    distances = np.concatenate([known.distances, of_old.distances], axis=1)
    rows = np.concatenate([known.rows, of_old.rows + old], axis=1)
    order = np.lexsort((rows, distances), axis=1)[:, : found.rows.shape[1]]
    rows, distances = (np.take_along_axis(each, order, axis=1) for each in (rows, distances))
    return Neighbours(
        np.concatenate([rows, found.rows]), np.concatenate([distances, found.distances])
    )


def _search(
    features: NDArray[np.float32],
    queries: NDArray[np.float32],
    k: int,
    check: Callable[[], None],
) -> Neighbours:
    index = NeighbourIndex(features, "l2")
    parts = []
    for start in range(0, len(queries), QUERIES):
        check()
        parts.append(index.search(queries[start : start + QUERIES], k))
    width = min(k, len(features))
    rows = [found for _, found in parts] or [np.zeros((0, width), dtype=np.int64)]
    distances = [found for found, _ in parts] or [np.zeros((0, width), dtype=np.float32)]
    return Neighbours(np.concatenate(rows), np.concatenate(distances))


@dataclass(frozen=True)
class Pools:
    """The labels that an image's label is drawn from.

    Attributes:
        labels: (n, k + 1) int64: the image's own, then retrieved ones, then -1.
        sizes: (n,) int64, how many there are, at least 1.
    """

    labels: Tensor
    sizes: Tensor

    def of(self, rows: Tensor) -> "Pools":
        """The pools of (m,) rows."""
        return Pools(self.labels[rows], self.sizes[rows])

    def to(self, device: torch.device) -> "Pools":
        """Themselves on a device."""
        return Pools(self.labels.to(device), self.sizes.to(device))


def agreeing(near: Indices, labels: Indices) -> int:
    """The most neighbours, the image itself among them, whose labels agree with the images' own.

    Retrieval mends wrong labels among right neighbours. Where labels are few and right, the nearest
    images are of other classes and retrieval would teach wrong ones: then it is 1, nothing but the
    image itself.

    Args:
        near: (n, k) positions of the nearest images, nearest first.
        labels: (n,).
    """
    if near.shape[1] < 2:
        return 1
    others = labels[near[:, 1:]] == labels[:, None]
    share = others.mean(axis=0).cumsum() / np.arange(1, near.shape[1])
    return 1 + int(np.count_nonzero(np.logical_and.accumulate(share >= AGREEING)))


def label_pools(near: Indices, labels: Indices, forbidden: NDArray[np.bool_]) -> Pools:
    """The pools of n images.

    An image of a class with fewer than k labels retrieves no more than there are: a class of one
    image would be outvoted by its surroundings. Labels that a reader ruled out for the image are
    not retrieved.

    Args:
        near: (n, k) positions of the nearest images, nearest first.
        labels: (n,).
        forbidden: (n, C).
    """
    retrieved = labels[near]  # (n, k)
    most = np.bincount(labels)[labels]  # (n,) labels of the image's own class
    kept = np.arange(near.shape[1]) < most[:, None]
    kept &= ~np.take_along_axis(forbidden, retrieved, axis=1)
    order = np.argsort(~kept, axis=1, kind="stable")
    first = np.take_along_axis(np.where(kept, retrieved, -1), order, axis=1)
    pools = np.concatenate([labels[:, None], first], axis=1)
    return Pools(torch.from_numpy(pools), torch.from_numpy(1 + kept.sum(axis=1)))


def drawn(pools: Pools, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A label of each pool, and the share of the pool it has. (n,) int64 and (n,) float32."""
    # float64: a number just below 1 times a size must not round up to the size
    u = torch.rand(
        len(pools.sizes), generator=generator, device=generator.device, dtype=torch.float64
    )
    place = (u * pools.sizes).long()[:, None]
    label = pools.labels.gather(1, place)  # (n, 1)
    count = (pools.labels == label).sum(dim=1)
    return label.squeeze(1), count / pools.sizes
