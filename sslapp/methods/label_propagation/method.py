"""Label spreading on the nearest-neighbour graph of frozen features (Zhou et al., "Learning with
Local and Global Consistency", NIPS 2003).

Labels flow along the edges of a graph that joins every image to its k nearest neighbours. With the
normalised adjacency S, the labels Y and the share alpha taken from neighbours, the class scores
are the fixed point of

    F(t + 1) = alpha S F(t) + (1 - alpha) Y

No network is trained, so a round takes seconds. The graph holds the labelled, pool and validation
rows, the last two without labels. A row outside of it, such as a test image, is answered by the
mean over its k nearest graph rows: it had no part in the propagation.
"""

import warnings
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import NearestNeighbors
from sklearn.semi_supervised import LabelSpreading
from torch import Tensor, nn

from sslapp.methods.label_propagation.config import LabelPropagationConfig
from sslapp.training import predictor
from sslapp.training.method import Method, Predictor
from sslapp.training.run import Run, Tensors
from sslapp.training.task import Features, Indices, Pixels, Task, check_trainable, features_of

FLOOR = 1e-6

SAME = 1e-6
"""Squared distance of features of length 1 below which a graph row and a new image are one."""


class LabelPropagationPredictor(Predictor):
    """Class distributions of the graph's rows, and a vote of them for every other row.

    Graph rows are known by their number, so it answers for the feature source it was fitted on.

    Args:
        rows: (m,) int64 numbers of the graph's rows, ascending.
        distribution: (m, C) float32, rows sum to 1.
        neighbours: k of the vote.
    """

    def __init__(self, *, rows: Tensor, distribution: Tensor, neighbours: int) -> None:
        self._rows = rows.cpu()
        self._distribution = distribution.cpu()
        self._neighbours = min(neighbours, len(rows))

    def logits(self, source: Pixels | Features, indices: Indices) -> Tensor:
        """Return (n, C) float32: log-probabilities."""
        rows = self._rows.numpy()
        place = np.minimum(np.searchsorted(rows, indices), len(rows) - 1)
        p = self._distribution[torch.from_numpy(place)].clone()  # (n, C)
        outside = np.flatnonzero(rows[place] != indices)
        if len(outside):
            search = NearestNeighbors(n_neighbors=self._neighbours).fit(unit(source, rows))
            near = search.kneighbors(unit(source, indices[outside]), return_distance=False)
            votes = self._distribution[torch.from_numpy(near)]  # (outside, k, C)
            p[torch.from_numpy(outside)] = votes.mean(dim=1)
        return torch.log(torch.clamp(p, min=FLOOR))

    def detached(self, source: Pixels | Features) -> "GraphVotePredictor":
        """The same for images that are in no source, with the features of the graph's rows."""
        features = source.take(self._rows.numpy()).float().flatten(1)
        return GraphVotePredictor(
            features=features, distribution=self._distribution, neighbours=self._neighbours
        )

    def save(self, folder: Path) -> None:
        """Write rows and distributions below `folder`."""
        tensors = {"rows": self._rows, "distribution": self._distribution}
        description: dict[str, object] = {
            "kind": "label-propagation",
            "neighbours": self._neighbours,
        }
        predictor.write(folder, description, tensors)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ValueError: when the folder describes another kind of predictor.
        """
        description, tensors = predictor.read(folder, "label-propagation")
        return cls(**tensors, neighbours=description["neighbours"])


class GraphVotePredictor(Predictor):
    """The vote of a graph's rows about any image, which are known by their features.

    An image of the graph is answered by its own row, as in its project.

    Args:
        features: (m, D) float32 of the graph's rows.
        distribution: (m, C) float32, rows sum to 1.
        neighbours: k, at most m.
    """

    def __init__(self, *, features: Tensor, distribution: Tensor, neighbours: int) -> None:
        self._tensors = {"features": features, "distribution": distribution}
        self._neighbours = neighbours

    def logits(self, source: Pixels | Features, indices: Indices) -> Tensor:
        """Return (n, C) float32: log-probabilities."""
        found: Tensor = self.module()(source.take(indices))
        return found

    def module(self) -> nn.Module:
        """Features -> log-probabilities."""
        return GraphVote(**self._tensors, neighbours=self._neighbours)

    def save(self, folder: Path) -> None:
        """Write features and distributions below `folder`."""
        description: dict[str, object] = {"kind": "graph-vote", "neighbours": self._neighbours}
        predictor.write(folder, description, self._tensors)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ValueError: when the folder describes another kind of predictor.
        """
        description, tensors = predictor.read(folder, "graph-vote")
        return cls(**tensors, neighbours=description["neighbours"])


class GraphVote(nn.Module):
    """The mean over the k nearest graph rows, whose arguments are `GraphVotePredictor`'s."""

    features: Tensor
    distribution: Tensor

    def __init__(self, *, features: Tensor, distribution: Tensor, neighbours: int) -> None:
        super().__init__()
        self.register_buffer("features", features)
        self.register_buffer("distribution", distribution)
        self._neighbours = neighbours

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, C) float32 for (n, D) features."""
        cosines = of_length_1(x) @ of_length_1(self.features).T  # (n, m)
        near, who = cosines.topk(self._neighbours, dim=1)  # (n, k), nearest first
        votes = self.distribution[who]  # (n, k, C)
        known = 2 - 2 * near[:, :1] < SAME
        p = torch.where(known, votes[:, 0], votes.mean(dim=1))
        return torch.log(torch.clamp(p, min=FLOOR))


class LabelPropagation(Method):
    """Labels spread along a nearest-neighbour graph of the features."""

    Config = LabelPropagationConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Propagate the task's labels."""
        tensors = run.stage("propagate", lambda _: self._propagate(task, run))
        return LabelPropagationPredictor(**tensors, neighbours=self.config.neighbours)

    def _propagate(self, task: Task, run: Run) -> Tensors:
        run.check()
        check_trainable(task)
        rows = np.sort(np.concatenate([task.labelled, task.pool, task.validation]))
        targets = np.where(np.isin(rows, task.labelled), task.labels[rows], -1)
        spreading = LabelSpreading(
            kernel="knn",
            n_neighbors=min(self.config.neighbours, len(rows)),
            alpha=self.config.alpha,
            max_iter=self.config.iterations,
        )
        with warnings.catch_warnings():
            # scores stop changing ranks long before they meet scikit-learn's tolerance
            warnings.simplefilter("ignore", ConvergenceWarning)
            # parts of the graph without a label divide 0 by 0; `_distribution` evens them out
            warnings.simplefilter("ignore", RuntimeWarning)
            spreading.fit(unit(features_of(task), rows), targets)
        scores = np.zeros((len(rows), task.num_classes))
        scores[:, spreading.classes_] = spreading.label_distributions_
        free = task.forbidden[rows] & ~np.isin(rows, task.labelled)[:, None]
        distribution = _distribution(scores, free)
        right = (distribution.argmax(axis=1) == task.labels[rows])[np.isin(rows, task.validation)]
        run.report(1, 1, {"holdout accuracy": float(right.mean())} if len(right) else {})
        return {
            "rows": torch.from_numpy(rows),
            "distribution": torch.from_numpy(distribution).float(),
        }


def unit(source: Pixels | Features, rows: Indices) -> NDArray[np.float64]:
    """(n, D) features of length 1: distances between them order images as the cosine does."""
    return of_length_1(source.take(rows)).numpy()


def of_length_1(x: Tensor) -> Tensor:
    """(n, D) float64 features divided by their length."""
    x = x.double().flatten(1)
    return x / x.norm(dim=1, keepdim=True).clamp(min=1e-12)


def _distribution(scores: NDArray[np.float64], forbidden: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Scores without the classes ruled out, normalised; uniform where nothing arrived."""
    allowed = np.where(forbidden, 0.0, np.nan_to_num(scores))
    nothing = allowed.sum(axis=1) <= 0
    allowed[nothing] = np.where(forbidden[nothing], 0.0, 1.0)
    return allowed / allowed.sum(axis=1, keepdims=True)
