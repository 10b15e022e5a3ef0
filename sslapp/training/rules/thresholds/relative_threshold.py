"""A threshold that is a share of the mean confidence in other images of the same step."""

import torch
from torch import Tensor

from sslapp.training.rules.thresholds.confidence import ThresholdRule


class RelativeThreshold(ThresholdRule):
    """max_c p_c >= tau mean_i max_c r_ic (Berthelot et al., "AdaMatch", ICLR 2022, section 3.3).

    Args:
        tau: the share, in [0, 1].
    """

    def __init__(self, tau: float) -> None:
        self._tau = tau
        self.limit = torch.zeros(())

    def relate(self, r: Tensor) -> None:
        """Take the step's limit from (n, C) probabilities; without any it stays."""
        if len(r):
            self.limit = self._tau * r.max(dim=1).values.mean()

    def mask(self, p: Tensor) -> Tensor:
        """Return (n,) bool."""
        return p.max(dim=1).values >= self.limit
