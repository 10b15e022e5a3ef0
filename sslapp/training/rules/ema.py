"""The exponential moving average of a network's parameters, kept for evaluation and teachers."""

import torch
from torch import Tensor, nn


class EMA:
    """Averaged parameters and copied buffers of one network.

    theta' <- m_k theta' + (1 - m_k) theta with m_k = min(1 - 1/(k+1), m): Mean Teacher's ramp
    (Tarvainen and Valpola, NeurIPS 2017), so that the first update copies the student and a short
    run is not averaged with its random start. Buffers (running statistics) are copies of the
    student's, as in FixMatch: they are averages already.

    Args:
        network: the student; never changed here.
        decay: m in [0, 1).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self._student = dict(network.named_parameters())
        self._student_buffers = dict(network.named_buffers())
        self.parameters = {k: v.detach().clone() for k, v in self._student.items()}
        self.buffers = {k: v.detach().clone() for k, v in self._student_buffers.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the averages towards the student; `step` is k, counted from 0."""
        weight = 1 - min(1 - 1 / (step + 1), self.decay)
        torch._foreach_lerp_(
            list(self.parameters.values()),
            [value.detach() for value in self._student.values()],
            weight,
        )
        if self.buffers:
            torch._foreach_copy_(list(self.buffers.values()), list(self._student_buffers.values()))

    def state(self) -> dict[str, Tensor]:
        """Averaged parameters and copied buffers under the names of the network's state dict."""
        return {**self.parameters, **self.buffers}

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` returned."""
        for name, value in (*self.parameters.items(), *self.buffers.items()):
            value.copy_(state[name])
