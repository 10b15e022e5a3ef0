"""Distribution alignment: pull predictions towards the class frequencies they should have.

Berthelot et al., "ReMixMatch" (ICLR 2020, section 3.1), as FixMatch's appendix adds it: with p~ the
average of the model's predictions over time, p <- norm(p * target / p~). It helps where a method
would otherwise let a few classes win everything.
"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from sslapp.training.task import Task

Alignment = Literal["none", "uniform", "labelled"]


class DistributionAlignment:
    """The average prediction of one fit, and what it is pulled towards.

    Args:
        target: (C,) class frequencies that sum to 1.
        momentum: decay of an exponential average, which starts at 1/C.
        from_first: let it start with the first batch instead.
        latest: take the mean of so many batches' means in its place, which are 1/C at first.
        moves_first: whether a batch is part of the average that it is aligned by.

    State is of the target's type.
    """

    def __init__(
        self,
        target: Tensor,
        momentum: float = 0.0,
        *,
        from_first: bool = False,
        latest: int = 0,
        moves_first: bool = True,
    ) -> None:
        self._target, self._momentum, self._moves_first = target, momentum, moves_first
        # an average of probabilities sums to 1: one that sums to 0 has seen nothing
        self.average = torch.full_like(target, 0 if from_first else 1 / len(target))
        self._means = self.average.repeat(latest, 1)  # (latest, C)

    def __call__(self, p: Tensor) -> Tensor:
        """Move the average and return aligned (n, C) probabilities; zeros stay zeros."""
        if self._moves_first:
            self._move(p)
        aligned = p * (self._target + 1e-6) / (self.average + 1e-6)
        if not self._moves_first:
            self._move(p)
        return aligned / aligned.sum(dim=1, keepdim=True)

    def _move(self, p: Tensor) -> None:
        if not len(p):
            return
        now = p.mean(dim=0)
        if len(self._means):
            self._means = torch.cat([self._means[1:], now[None]])
            self.average = self._means.mean(dim=0)
        else:
            moved = self._momentum * self.average + (1 - self._momentum) * now
            self.average = torch.where(self.average.sum() == 0, now, moved)

    def state_dict(self) -> dict[str, Tensor]:
        """The average, and the means that it is of."""
        means = {"means": self._means} if len(self._means) else {}
        return {"average": self.average, **means}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        self.average = state["average"]
        self._means = state.get("means", self._means)


def frequencies(kind: Alignment, task: Task, device: torch.device) -> Tensor:
    """(C,) float32 target: all equal, or those of the labelled images.

    Every class is counted once more than it is labelled, so that one without a label is possible.
    """
    counts = np.ones(task.num_classes)
    if kind == "labelled":
        counts += np.bincount(task.labels[task.labelled], minlength=task.num_classes)
    return torch.tensor(counts / counts.sum(), dtype=torch.float32, device=device)
