"""Which pseudo-labels count: rules from probabilities of weak views to a weight per image.

A rule owns its state as tensors, gives it out by `state_dict` and takes it back, so that a method
is composed of a rule and a loss and a resumed run continues exactly.
"""

from abc import ABC, abstractmethod

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
