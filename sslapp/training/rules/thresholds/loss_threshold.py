"""Pseudo-labels that count where their own loss is small, with a bound that falls (Dash).

Xu et al., "Dash: Semi-Supervised Learning with Dynamic Thresholding" (ICML 2021): at first a model
errs often and its losses are large, so a large loss is no reason to doubt a pseudo-label; later it
is.
"""

import torch
from torch import Tensor

from sslapp.training.rules.sharpening import one_hot, sharpened
from sslapp.training.rules.thresholds.confidence import ThresholdRule


class LossThreshold(ThresholdRule):
    """H(t(p), p) <= rho, where t(p) is p sharpened, and p's likeliest class once rho is rho_min.

    Of the steps from `start` on, d periods of which are over, rho = max(C gamma^-d rho_hat,
    rho_min). rho_hat is given, or the mean of what `measure` was told in the second half of the
    steps before `start`.

    Args:
        start: steps until then; at least 1 where rho_hat is not given.
        period: steps between two falls.
        gamma: what rho is divided by.
        constant: C.
        floor: rho_min.
        temperature: of t.
        device: where the state lives.
        given: rho_hat, or 0 where it is measured.
        before: rho before `start`: inf lets all count, -inf none.
        tests_hard: test H(argmax p, p) whatever t is.
        dtype: of the state.
    """

    def __init__(
        self,
        *,
        start: int,
        period: int,
        gamma: float,
        constant: float,
        floor: float,
        temperature: float,
        device: torch.device,
        given: float = 0.0,
        before: float = -torch.inf,
        tests_hard: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._start, self._period = start, period
        self._gamma, self._constant, self._floor = gamma, constant, floor
        self._temperature, self._tests_hard, self._given = temperature, tests_hard, given
        self._before = torch.tensor(before, device=device, dtype=dtype)
        self._sum = torch.zeros((), device=device, dtype=dtype)
        self._count = torch.zeros((), device=device, dtype=dtype)
        self.rho = self._before

    def measure(self, number: int, loss: Tensor) -> None:
        """Take the loss of step `number` into rho_hat, if that is measured then."""
        if self._start // 2 <= number < self._start:
            self._sum, self._count = self._sum + loss, self._count + 1

    def move(self, number: int) -> None:
        """Set rho for step `number`."""
        if number < self._start:
            self.rho = self._before
            return
        drops = (number - self._start) // self._period
        rho = self._constant * self._gamma**-drops * self.first()
        self.rho = rho.clamp(min=self._floor)

    def first(self) -> Tensor:
        """rho_hat."""
        if self._given:
            return torch.full_like(self._sum, self._given)
        return self._sum / self._count

    def targets(self, p: Tensor) -> Tensor:
        """t(p), (n, C)."""
        return torch.where(self.rho <= self._floor, _hard(p), self.soft(p))

    def soft(self, p: Tensor) -> Tensor:
        """(n, C): p sharpened, whatever rho is."""
        return sharpened(p, self._temperature)

    def mask(self, p: Tensor) -> Tensor:
        """Return (n,) bool."""
        tested = _hard(p) if self._tests_hard else self.targets(p)
        return -torch.xlogy(tested, p).sum(dim=1) <= self.rho

    def state_dict(self) -> dict[str, Tensor]:
        """What was measured so far; rho follows from that and the step."""
        return {"sum": self._sum, "count": self._count}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what was measured."""
        self._sum, self._count = state["sum"], state["count"]


def _hard(p: Tensor) -> Tensor:
    return one_hot(p.argmax(dim=1), p)
