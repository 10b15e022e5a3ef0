"""Distribution alignment whose target moves as well: what the model says of the labelled images.

Berthelot et al., "AdaMatch" (ICLR 2022, section 3.2): with p~ the average of the model's
predictions of labelled images and q~ that of unlabelled ones, q <- norm(q * p~ / q~). Labelled and
unlabelled images are judged by the same network, so that what it overdoes for both stays as it is.
"""

import torch
from torch import Tensor

from sslapp.training.rules.alignment.distribution import DistributionAlignment


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
        start = torch.full((num_classes,), 1 / num_classes, device=device, dtype=dtype)
        super().__init__(start, momentum, from_first=not latest, latest=latest)

    @property
    def target(self) -> Tensor:
        """(C,) p~."""
        return self._target

    def follow(self, p: Tensor) -> None:
        """Move the target towards (n, C) probabilities of labelled images."""
        if len(p):
            self._target = self._momentum * self._target + (1 - self._momentum) * p.mean(dim=0)

    def state_dict(self) -> dict[str, Tensor]:
        """Both averages, and what the buffer holds."""
        return {**super().state_dict(), "target": self._target}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        super().load_state_dict(state)
        self._target = state["target"]
