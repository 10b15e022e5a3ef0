"""What the network said of every image in the epochs before, averaged (Laine and Aila, ICLR 2017,
section 2.2).

An epoch is as many steps as it takes to see the unlabelled set once. Predictions z_i of an epoch
are kept until its end; then, for every image that was seen,

    Z_i <- alpha Z_i + (1 - alpha) z_i,   t_i <- t_i + 1,   target Z_i / (1 - alpha^t_i)

so an image that an epoch missed keeps its row, and its bias correction with it. Of an image that
was seen twice z_i is the mean.
"""

import torch
from torch import Tensor


class TemporalEnsemble:
    """The average of one fit.

    Args:
        unlabelled: N, size of the unlabelled set.
        num_classes: C.
        momentum: alpha, in [0, 1).
        device: where the state lives: 2 N (C + 1) numbers.
        dtype: of the probabilities.
    """

    def __init__(
        self,
        unlabelled: int,
        num_classes: int,
        momentum: float,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._momentum = momentum
        self.average = torch.zeros(unlabelled, num_classes, dtype=dtype, device=device)
        self.epochs = torch.zeros(unlabelled, dtype=torch.int64, device=device)
        self._sums, self._seen = torch.zeros_like(self.average), torch.zeros_like(self.epochs)

    def targets(self, rows: Tensor, forbidden: Tensor) -> tuple[Tensor, Tensor]:
        """What is known of images so far, restricted to what is allowed now.

        Args:
            rows: (n,) int64 numbers in the unlabelled set.
            forbidden: (n, C) bool with at least one False in every row.

        Returns:
            (n, C) probabilities, and (n,) bool: for which there is one; the others' rows are 0.
        """
        correction = 1 - self._momentum ** self.epochs[rows].to(self.average.dtype)
        average = self.average[rows] / correction.clamp(min=1 - self._momentum)[:, None]
        allowed = average.masked_fill(forbidden, 0)
        mass = allowed.sum(dim=1, keepdim=True)
        known = mass > 0
        restricted = allowed / torch.where(known, mass, 1)
        # an average that nothing was ruled out of sums to 1 but for rounding: it stays as it is
        targets = torch.where(forbidden.any(dim=1, keepdim=True), restricted, average)
        return targets, known.squeeze(1)

    def see(self, p: Tensor, rows: Tensor) -> None:
        """Keep (n, C) probabilities of images until the epoch's end."""
        self._sums = self._sums.index_add(0, rows, p.to(self._sums.dtype))
        self._seen = self._seen.index_add(0, rows, torch.ones_like(rows))

    def end_epoch(self) -> None:
        """Move the averages of what was seen."""
        seen = self._seen > 0
        z = self._sums / self._seen.clamp(min=1)[:, None]
        moved = self._momentum * self.average + (1 - self._momentum) * z
        self.average = torch.where(seen[:, None], moved, self.average)
        self.epochs = self.epochs + seen
        self._sums, self._seen = torch.zeros_like(self._sums), torch.zeros_like(self._seen)

    def state_dict(self) -> dict[str, Tensor]:
        """The averages, how many epochs each is of, and what this epoch has seen."""
        return {
            "average": self.average,
            "epochs": self.epochs,
            "sums": self._sums,
            "seen": self._seen,
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        self.average, self.epochs = state["average"], state["epochs"]
        self._sums, self._seen = state["sums"], state["seen"]
