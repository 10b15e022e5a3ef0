"""Dash (Xu, Shang, Ye, Qian, Li, Sun, Li and Jin, "Dash: Semi-Supervised Learning with Dynamic
Thresholding", ICML 2021).

FixMatch with a threshold on the loss of a pseudo-label, which falls as the model learns:

    q_b  = sg[p(a(u_b))],  t_b = q_b sharpened by T;  argmax q_b once rho = rho_min
    rho  = max(C gamma^-d rho_hat, rho_min),  d the number of falls so far,  C = 1.0001
    l_u  = 1/(mu B) sum_b 1(H(argmax q_b, q_b) <= rho) H(t_b, p(A(u_b)))

rho_hat is the labelled loss after a first stage on labels alone. H(argmax q, q) = -log max q, so
with rho_min = .05 Dash ends as FixMatch with tau = exp(-.05) = .951; from rho_hat = 1 that takes
13 falls.

Three descriptions exist and none fits the others; all are variants here. "official", the authors'
code: in the first stage everything counts, rho_hat is the strong views' loss, C = 1, and the loss
is .9 times the mean over those that count. "usb": tested is H(t_b, q_b), so a soft pseudo-label by
its own entropy; rho_hat is the loss on the *test set*, which is nobody's to look at: here it is the
labelled loss, as in the paper.

The paper's first stage and periods are epochs of long runs. Here the stage is a share of the run,
rho_hat the mean over its second half, and the period a hundredth (the paper's 9 epochs of 1,024
steps are 1/114 of 2^20).

Classes that a reader ruled out are treated as in `fixmatch`.
"""

import math

import torch
from torch import Tensor

from sslapp.methods.dash.config import DashConfig
from sslapp.methods.threshold.objective import ThresholdObjective
from sslapp.training import configuration
from sslapp.training.loop import steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import TrainingStep
from sslapp.training.rules.losses import cross_entropy
from sslapp.training.rules.thresholds.loss_threshold import LossThreshold
from sslapp.training.run import Run
from sslapp.training.task import Task

PERIODS = 100
CONSTANT = 1.0001
OFFICIAL_FACTOR = 0.9


class DashObjective(ThresholdObjective):
    """The loss above.

    Args:
        config: the options.
        total: K, of which the first stage and the period are shares.
        device: where the state lives.
        dtype: of the state.
    """

    def __init__(
        self,
        config: DashConfig,
        total: int,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.is_official = config.variant == "official"
        self.rule = LossThreshold(
            start=first_stage(config, total),
            period=config.drop_every or max(1, total // PERIODS),
            gamma=config.gamma,
            constant=1.0 if self.is_official else CONSTANT,
            floor=config.rho_min,
            temperature=config.temperature,
            device=device,
            given=config.rho_first,
            before=math.inf if self.is_official else -math.inf,
            tests_hard=config.variant != "usb",
            dtype=dtype,
        )
        if self.is_official:
            config = config.model_copy(update={"reduction": "selected"})
        super().__init__(config, self.rule)

    def weights(self, q: Tensor, step: TrainingStep) -> Tensor:
        """1(H(argmax q_b, q_b) <= rho) with rho of this step."""
        self.rule.measure(step.number, self.measured(q, step))
        self.rule.move(step.number)
        return self.rule.mask(q)

    def measured(self, q: Tensor, step: TrainingStep) -> Tensor:
        """What rho_hat is a mean of: a scalar, detached."""
        if self.is_official:
            return cross_entropy(step.logits["strong"].detach(), self.rule.soft(q)).mean()
        return self.labelled_loss(step).detach()

    def targets(self, q: Tensor) -> Tensor:
        """t, (mu B, C) probabilities."""
        return self.rule.targets(q)

    def consistency(self, step: TrainingStep, q: Tensor) -> Tensor:
        """H(t_b, p(A(u_b))), .9 of it in the authors' code."""
        factor = OFFICIAL_FACTOR if self.is_official else 1.0
        return factor * super().consistency(step, q)


class Dash(Method):
    """Consistency with pseudo-labels whose own loss is small."""

    Config = DashConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels or encoded views."""
        total = configuration.steps(self.config, task)
        return steps.train(task, run, self.config, DashObjective(self.config, total, run.device))


def first_stage(config: DashConfig, total: int) -> int:
    """Steps before rho falls; one at least where it is measured in them."""
    return max(0 if config.rho_first else 1, round(config.first_stage * total))
