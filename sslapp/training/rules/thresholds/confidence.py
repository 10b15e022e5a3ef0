"""Which pseudo-labels count: rules from probabilities of weak views to a weight per image.

A rule owns its state as tensors, gives it out by `state_dict` and takes it back, so that a method
is composed of a rule and a loss and a resumed run continues exactly.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class ThresholdRule(ABC):
    """A rule with perhaps some state that follows the model."""

    def select(self, p: Tensor, rows: Tensor) -> Tensor:
        """Move the state and say what counts, in the order that the rule's authors do.

        Args and result as of `update` and `mask`.
        """
        self.update(p, rows)
        return self.mask(p)

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

    def limits(self) -> Tensor | None:
        """(C,) the confidence from which on each class counts; None for a rule without such."""
        return None

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
    starting at 1/C, class c counts from tau p~_c / max p~ on. The state moves before the mask. The
    shares of predicted classes (h~) are averaged too, for FreeMatch's fairness loss.

    Args:
        momentum: m, the decay of the averages.
        num_classes: C.
        device: where the state lives.
        dtype: of the state.
    """

    def __init__(
        self,
        momentum: float,
        num_classes: int,
        device: torch.device,
        *,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._momentum = momentum
        self.tau = torch.tensor(1 / num_classes, device=device, dtype=dtype)
        self.share = torch.full((num_classes,), 1 / num_classes, device=device, dtype=dtype)
        self.predicted = self.share.clone()

    def update(self, p: Tensor, rows: Tensor) -> None:
        """Move tau, p~ and h~ towards the batch; an empty batch moves nothing."""
        if len(p):
            confidence, predicted = p.max(dim=1)
            self.tau = self._moved(self.tau, confidence.mean())
            self.share = self._moved(self.share, p.mean(dim=0))
            counted = torch.zeros_like(self.predicted).scatter_add_(
                0, predicted, torch.ones_like(confidence)
            )
            self.predicted = self._moved(self.predicted, counted / len(p))

    def limits(self) -> Tensor:
        """(C,) the confidence from which on each class counts."""
        return self.tau * self.share / self.share.max()

    def mask(self, p: Tensor) -> Tensor:
        """Return (n,) bool."""
        confidence, predicted = p.max(dim=1)
        return confidence >= self.limits()[predicted]

    def state_dict(self) -> dict[str, Tensor]:
        """The averages."""
        return {"tau": self.tau, "share": self.share, "predicted": self.predicted}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over the averages."""
        self.tau, self.share = state["tau"], state["share"]
        self.predicted = state["predicted"]

    def _moved(self, average: Tensor, now: Tensor) -> Tensor:
        return self._momentum * average + (1 - self._momentum) * now


class FlexibleThreshold(ThresholdRule):
    """A share of tau for every class, by how much of the set it has won so far (Zhang et al.,
    "FlexMatch", NeurIPS 2021: curriculum pseudo-labelling).

    Every unlabelled image remembers the class that it was last predicted as with tau or more. With
    n_c images of class c and n_0 of none, beta_c = n_c / max(max n, n_0), and class c counts from
    tau beta_c / (2 - beta_c) on. As published, beta is that of the step before, and 0 while no
    image has a class, so that every image counts at the start.

    Args:
        tau: in [0, 1].
        num_classes: C.
        unlabelled: size of the unlabelled set.
        device: where the state lives.
        warm_up: whether n_0 takes part, as in the paper's later experiments and all code.
        dtype: of beta.
    """

    def __init__(
        self,
        tau: float,
        num_classes: int,
        unlabelled: int,
        device: torch.device,
        *,
        warm_up: bool = True,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._tau, self._warm_up = tau, warm_up
        self.remembered = torch.full((unlabelled,), -1, dtype=torch.int64, device=device)
        self.beta = torch.zeros(num_classes, device=device, dtype=dtype)

    def select(self, p: Tensor, rows: Tensor) -> Tensor:
        """Say what counts, then learn from it: the published order."""
        mask = self.mask(p)
        self.update(p, rows)
        return mask

    def update(self, p: Tensor, rows: Tensor) -> None:
        """Remember confident predictions. Of an image twice in a batch, the higher class stays."""
        if not len(p):
            return
        confidence, predicted = p.max(dim=1)
        now = torch.where(confidence >= self._tau, predicted, self.remembered[rows])
        # a maximum and not an assignment: that would be undefined for an image twice in a batch
        self.remembered = self.remembered.scatter_reduce(
            0, rows, now, reduce="amax", include_self=False
        )
        counts = self.beta.new_zeros(len(self.beta) + 1).scatter_add_(
            0, self.remembered + 1, torch.ones_like(self.remembered, dtype=self.beta.dtype)
        )
        most = (counts if self._warm_up else counts[1:]).max()
        beta = counts[1:] / most.clamp(min=1)
        self.beta = torch.where(counts.max() < len(self.remembered), beta, self.beta)

    def limits(self) -> Tensor:
        """(C,) the confidence from which on each class counts."""
        return self._tau * self.beta / (2 - self.beta)

    def mask(self, p: Tensor) -> Tensor:
        """Return (n,) bool."""
        confidence, predicted = p.max(dim=1)
        return confidence >= self.limits()[predicted]

    def state_dict(self) -> dict[str, Tensor]:
        """What every image was, and the shares that follow from it."""
        return {"remembered": self.remembered, "beta": self.beta}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        self.remembered, self.beta = state["remembered"], state["beta"]
