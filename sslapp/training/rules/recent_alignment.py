"""Distribution alignment by what the model said lately (Berthelot et al., "ReMixMatch", ICLR 2020,
section 3.1), in the two ways that are in use."""

import torch
from torch import Tensor

from sslapp.training.rules.alignment import DistributionAlignment


class RecentAlignment(DistributionAlignment):
    """The mean of the last batches' mean predictions, all 1/C at first: the authors' code. A batch
    is aligned by those before it.

    Args:
        target: (C,) class frequencies that sum to 1.
        latest: batches that are remembered.
    """

    def __init__(self, target: Tensor, latest: int) -> None:
        super().__init__(target, 0.0)
        self._means = self.average.repeat(latest, 1)

    def __call__(self, p: Tensor) -> Tensor:
        """Return aligned (n, C) probabilities, then remember p; zeros stay zeros."""
        aligned = p * (self._target + 1e-6) / (self.average + 1e-6)
        if len(p):
            self._means = torch.cat([self._means[1:], p.mean(dim=0)[None]])
            self.average = self._means.mean(dim=0)
        return aligned / aligned.sum(dim=1, keepdim=True)

    def state_dict(self) -> dict[str, Tensor]:
        """What is remembered."""
        return {"means": self._means}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what is remembered."""
        self._means = state["means"]
        self.average = self._means.mean(dim=0)


class FirstBatchAlignment(DistributionAlignment):
    """An exponential average that starts as the first batch's mean: USB's.

    Args:
        target: (C,) class frequencies that sum to 1.
        momentum: decay of the average.
    """

    def __init__(self, target: Tensor, momentum: float) -> None:
        super().__init__(target, momentum)
        self._batches = torch.zeros((), dtype=torch.int64, device=target.device)

    def __call__(self, p: Tensor) -> Tensor:
        """Move the average and return aligned (n, C) probabilities; zeros stay zeros."""
        if len(p):
            self.average = torch.where(self._batches == 0, p.mean(dim=0), self.average)
            self._batches = self._batches + 1
        # the first mean is moved towards itself
        return super().__call__(p)

    def state_dict(self) -> dict[str, Tensor]:
        """The average, and whether there is one."""
        return {**super().state_dict(), "batches": self._batches}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        super().load_state_dict(state)
        self._batches = state["batches"]
