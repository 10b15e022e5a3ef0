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
        momentum: decay of the average, which starts at 1/C.
        from_first: let it start with the first batch instead.

    State is of the target's type.
    """

    def __init__(self, target: Tensor, momentum: float, *, from_first: bool = False) -> None:
        self._target, self._momentum = target, momentum
        # an average of probabilities sums to 1: one that sums to 0 has seen nothing
        self.average = torch.full_like(target, 0 if from_first else 1 / len(target))

    def __call__(self, p: Tensor) -> Tensor:
        """Move the average and return aligned (n, C) probabilities; zeros stay zeros."""
        if len(p):
            now = p.mean(dim=0)
            moved = self._momentum * self.average + (1 - self._momentum) * now
            self.average = torch.where(self.average.sum() == 0, now, moved)
        aligned = p * (self._target + 1e-6) / (self.average + 1e-6)
        return aligned / aligned.sum(dim=1, keepdim=True)

    def state_dict(self) -> dict[str, Tensor]:
        """The average."""
        return {"average": self.average}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over the average."""
        self.average = state["average"]


def frequencies(kind: Alignment, task: Task, device: torch.device) -> Tensor:
    """(C,) float32 target: all equal, or those of the labelled images.

    Every class is counted once more than it is labelled, so that one without a label is possible.
    """
    counts = np.ones(task.num_classes)
    if kind == "labelled":
        counts += np.bincount(task.labels[task.labelled], minlength=task.num_classes)
    return torch.tensor(counts / counts.sum(), dtype=torch.float32, device=device)
