"""SoftMatch's weights: no pseudo-label is left out, unsure ones count less."""

import torch
from torch import Tensor

from sslapp.training.rules.thresholds.confidence import ThresholdRule


class GaussianWeights(ThresholdRule):
    """A Gaussian of the confidence, cut off above its mean (Chen et al., "SoftMatch", ICLR 2023).

    With averages over time of the mean (mu, from 1/C) and of the unbiased variance (sigma^2, from
    1) of a batch's confidences, an image whose confidence is c weighs 1 from mu on, and
    exp(-(c - mu)^2 / (2 sigma^2 / n^2)) below.

    Args:
        momentum: m, the decay of the averages.
        num_classes: C.
        device: where the state lives.
        n_sigma: n; 1 in the paper.
        per_class: keep averages for every class, of the images that are predicted as it.
        pull_unseen: let a class with fewer than two such images in a batch move towards mean 0 and
            variance 1, as USB does, in the place of staying where it is.
        dtype: of the state.
    """

    def __init__(
        self,
        momentum: float,
        num_classes: int,
        device: torch.device,
        *,
        n_sigma: float = 1.0,
        per_class: bool = False,
        pull_unseen: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._momentum, self._n_sigma = momentum, n_sigma
        self._per_class, self._pull_unseen = per_class, pull_unseen
        groups = num_classes if per_class else 1
        self.mean = torch.full((groups,), 1 / num_classes, device=device, dtype=dtype)
        self.variance = torch.ones_like(self.mean)

    def update(self, p: Tensor, rows: Tensor) -> None:
        """Move mu and sigma^2 towards the batch; one image has no variance, and none no mean."""
        confidence, group = self._grouped(p)
        zeros = torch.zeros_like(self.mean)
        counts = zeros.scatter_add(0, group, torch.ones_like(confidence))
        mean = zeros.scatter_add(0, group, confidence) / counts.clamp(min=1)
        squares = zeros.scatter_add(0, group, (confidence - mean[group]) ** 2)
        variance = squares / (counts - 1).clamp(min=1)
        few = counts < 2
        if self._pull_unseen:
            mean, variance = torch.where(few, 0.0, mean), torch.where(few, 1.0, variance)
        else:
            mean = torch.where(counts < 1, self.mean, mean)
            variance = torch.where(few, self.variance, variance)
        self.mean = self._momentum * self.mean + (1 - self._momentum) * mean
        self.variance = self._momentum * self.variance + (1 - self._momentum) * variance

    def mask(self, p: Tensor) -> Tensor:
        """Return (n,) weights."""
        confidence, group = self._grouped(p)
        below = (confidence - self.mean[group]).clamp(max=0)
        # confidences that are all the same have no variance
        spread = (self.variance[group] / self._n_sigma**2).clamp(min=1e-12)
        return torch.exp(-(below**2) / (2 * spread))

    def state_dict(self) -> dict[str, Tensor]:
        """The averages."""
        return {"mean": self.mean, "variance": self.variance}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over the averages."""
        self.mean, self.variance = state["mean"], state["variance"]

    def _grouped(self, p: Tensor) -> tuple[Tensor, Tensor]:
        """(n,) confidences, and whose averages they belong to."""
        confidence, predicted = p.max(dim=1)
        return confidence, predicted if self._per_class else torch.zeros_like(predicted)
