"""Distribution alignment whose target moves as well: what the model says of the labelled images.

Berthelot et al., "AdaMatch" (ICLR 2022, section 3.2): with p~ the average of the model's
predictions of labelled images and q~ that of unlabelled ones, q <- norm(q * p~ / q~). Labelled and
unlabelled images are judged by the same network, so that what it overdoes for both stays as it is.
"""

import torch
from torch import Tensor

from sslapp.training.rules.alignment import DistributionAlignment


class MovingAlignment(DistributionAlignment):
    """Both averages of one fit.

    Args:
        num_classes: C; the target starts at 1/C.
        momentum: decay of the target, and of q~ where that is an exponential average.
        device: where the state lives.
        latest: q~ is the mean of so many batches' means, which start at 1/C (AdaMatch's buffer);
            0 for an exponential average that starts with the first batch (USB).
        dtype: of the state.
    """

    def __init__(
        self,
        num_classes: int,
        momentum: float,
        device: torch.device,
        *,
        latest: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.target = torch.full((num_classes,), 1 / num_classes, device=device, dtype=dtype)
        super().__init__(self.target, momentum)
        self._decay = momentum
        self._means = self.target.repeat(latest, 1)
        self._batches = torch.zeros((), dtype=torch.int64, device=device)

    def follow(self, p: Tensor) -> None:
        """Move the target towards (n, C) probabilities of labelled images."""
        if len(p):
            self.target = self._decay * self.target + (1 - self._decay) * p.mean(dim=0)

    def __call__(self, p: Tensor) -> Tensor:
        """Move q~ and return aligned (n, C) probabilities; zeros stay zeros."""
        if len(p):
            self._move(p.mean(dim=0))
        aligned = p * (self.target + 1e-6) / (self.average + 1e-6)
        return aligned / aligned.sum(dim=1, keepdim=True)

    def _move(self, mean: Tensor) -> None:
        if len(self._means):
            self._means = torch.cat([self._means[1:], mean[None]])
            self.average = self._means.mean(dim=0)
            return
        moved = self._decay * self.average + (1 - self._decay) * mean
        self.average = torch.where(self._batches == 0, mean, moved)
        self._batches = self._batches + 1

    def state_dict(self) -> dict[str, Tensor]:
        """Both averages, and what the buffer holds."""
        return {
            "target": self.target,
            "average": self.average,
            "means": self._means,
            "batches": self._batches,
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        self.target, self.average = state["target"], state["average"]
        self._means, self._batches = state["means"], state["batches"]
