"""k nearest neighbours on frozen features (Cover and Hart, "Nearest Neighbor Pattern
Classification", IEEE Transactions on Information Theory 13, 1967).

    p_c(x) = sum_i w_i 1(y_i = c) / sum_i w_i,   w_i = exp(cos(x, x_i) / .1)

over the k labelled images x_i with the highest cosine. The weights, which Wu et al. use for the
embeddings of instance discrimination (CVPR 2018, section 3.4, with .07), break the ties that a
vote of few has.
"""

from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from sslapp.methods.nearest_neighbours.config import NearestNeighboursConfig
from sslapp.training import predictor
from sslapp.training.method import Method, Predictor
from sslapp.training.run import Run
from sslapp.training.task import Features, Indices, Pixels, Task, check_trainable, features_of

SHARPNESS = 0.1
"""What cosines are divided by."""

FLOOR = 1e-6


class NearestNeighboursPredictor(Predictor):
    """The labelled images.

    Args:
        unit: (n, D) float32 features of length 1.
        labels: (n,) int64.
        num_classes: C.
        neighbours: k.
    """

    def __init__(self, *, unit: Tensor, labels: Tensor, num_classes: int, neighbours: int) -> None:
        self._unit, self._labels = unit, labels
        self._num_classes, self._neighbours = num_classes, neighbours

    def logits(self, source: Pixels | Features, indices: Indices) -> Tensor:
        """Return (n, C) float32: log-probabilities."""
        found: Tensor = self.module()(source.take(indices))
        return found

    def module(self) -> nn.Module:
        """Features -> log-probabilities."""
        given = nn.functional.one_hot(self._labels, self._num_classes).double()
        return WeightedVote(self._unit, given, min(self._neighbours, len(self._labels)))

    def save(self, folder: Path) -> None:
        """Write the labelled images' features below `folder`."""
        description: dict[str, object] = {
            "kind": "nearest-neighbours",
            "num_classes": self._num_classes,
            "neighbours": self._neighbours,
        }
        predictor.write(folder, description, {"unit": self._unit, "labels": self._labels})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ValueError: when the folder describes another kind of predictor.
        """
        description, tensors = predictor.read(folder, "nearest-neighbours")
        return cls(
            **tensors,
            num_classes=description["num_classes"],
            neighbours=description["neighbours"],
        )


class WeightedVote(nn.Module):
    """The vote of the k nearest.

    Args:
        unit: (m, D) float32 features of length 1 of the images that vote.
        given: (m, C) float64 one-hot labels.
        neighbours: k, at most m.
    """

    unit: Tensor
    given: Tensor

    def __init__(self, unit: Tensor, given: Tensor, neighbours: int) -> None:
        super().__init__()
        self.register_buffer("unit", unit)
        self.register_buffer("given", given)
        self._neighbours = neighbours

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, C) float32 for (n, D) features."""
        near, who = (of_length_1(x) @ self.unit.T).topk(self._neighbours, dim=1)  # (n, k)
        weights = torch.softmax(near.double() / SHARPNESS, dim=1)
        p = (weights[:, :, None] * self.given[who]).sum(dim=1)
        return torch.log(p.clamp(min=FLOOR)).float()


class NearestNeighbours(Method):
    """A vote of the nearest labelled images."""

    Config = NearestNeighboursConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Keep the labelled images; nothing is trained."""
        run.check()
        check_trainable(task)
        found = NearestNeighboursPredictor(
            unit=of_length_1(features_of(task).take(task.labelled)),
            labels=torch.from_numpy(task.labels[task.labelled]),
            num_classes=task.num_classes,
            neighbours=self.config.neighbours,
        )
        said = found.logits(features_of(task), task.validation).argmax(dim=1).numpy()
        right = said == task.labels[task.validation]
        run.report(1, 1, {"holdout accuracy": float(np.mean(right))} if len(right) else {})
        return found


def of_length_1(x: Tensor) -> Tensor:
    """(n, D) float32 features divided by their length."""
    x = x.float().flatten(1)
    return x / x.norm(dim=1, keepdim=True).clamp(min=1e-12)
