"""Which pseudo-labels count: rules from probabilities of weak views to a weight per image.

A rule owns its state as tensors, gives it out by `state_dict` and takes it back, so that a method
is composed of a rule and a loss and a resumed run continues exactly.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class ThresholdRule(ABC):
    """A rule with perhaps some state that follows the model."""

    def update(self, p: Tensor, rows: Tensor) -> None:
        """Move the state. Rules without state have nothing to do here.

        Args:
            p: (n, C) float32 probabilities of weak views, detached.
            rows: (n,) int64 numbers of these images in the unlabelled set, for rules that
                remember every image.
        """
        return

    @abstractmethod
    def mask(self, p: Tensor) -> Tensor:
        """Return (n,) bool, or float32 weights in [0, 1], for (n, C) float32 probabilities."""

    def state_dict(self) -> dict[str, Tensor]:
        """All state, by name; empty for a rule without any."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        return


class FixedThreshold(ThresholdRule):
    """max_c p_c >= tau (Sohn et al., NeurIPS 2020, eq. 4).

    Args:
        tau: in [0, 1].
    """

    def __init__(self, tau: float) -> None:
        self.tau = tau

    def mask(self, p: Tensor) -> Tensor:
        """Return (n,) bool."""
        return p.max(dim=1).values >= self.tau


class SelfAdaptiveThreshold(ThresholdRule):
    """A threshold for every class that follows the model's confidence (Wang et al., "FreeMatch",
    ICLR 2023, eqs. 5 to 8).

    With averages over time of the batch's mean confidence (tau) and mean probabilities (p~), both
    starting at 1/C, class c counts from tau p~_c / max p~ on. The state moves before the mask.

    Args:
        momentum: m, the decay of the averages.
        num_classes: C.
        device: where the state lives.
    """

    def __init__(self, momentum: float, num_classes: int, device: torch.device) -> None:
        self._momentum = momentum
        self.tau = torch.tensor(1 / num_classes, device=device)
        self.share = torch.full((num_classes,), 1 / num_classes, device=device)

    def update(self, p: Tensor, rows: Tensor) -> None:
        """Move tau and p~ towards the batch; an empty batch moves nothing."""
        if len(p):
            self.tau = self._moved(self.tau, p.max(dim=1).values.mean())
            self.share = self._moved(self.share, p.mean(dim=0))

    def limits(self) -> Tensor:
        """(C,) float32: the confidence from which on each class counts."""
        return self.tau * self.share / self.share.max()

    def mask(self, p: Tensor) -> Tensor:
        """Return (n,) bool."""
        confidence, predicted = p.max(dim=1)
        return confidence >= self.limits()[predicted]

    def state_dict(self) -> dict[str, Tensor]:
        """Both averages."""
        return {"tau": self.tau, "share": self.share}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over both averages."""
        self.tau, self.share = state["tau"], state["share"]

    def _moved(self, average: Tensor, now: Tensor) -> Tensor:
        return self._momentum * average + (1 - self._momentum) * now
