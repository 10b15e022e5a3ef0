"""SoftMatch (Chen et al., "SoftMatch: Addressing the Quantity-Quality Trade-off in Semi-supervised
Learning", ICLR 2023).

A threshold that is high loses most pseudo-labels, a low one lets wrong ones in. Here all count, by
a Gaussian of how far their confidence is below the mean of all. With q_b, qhat_b as in FixMatch and
averages over time of a batch's confidences,

    mu      <- m mu + (1 - m) mean_b max q_b,                      from 1/C
    sigma^2 <- m sigma^2 + (1 - m) var_b max q_b,                  from 1, unbiased
    UA(q)    = norm(q (1/C) / p~),   p~ <- m p~ + (1 - m) mean_b q_b
    w(q)     = 1 if max UA(q) >= mu, else exp(-(max UA(q) - mu)^2 / (2 sigma^2))
    l_u      = 1/(mu B) sum_b w(q_b) H(qhat_b, p_m(y | A(u_b)))

and the rest is FixMatch's. The averages move before they are used; p~ starts with the first batch.
Uniform alignment (UA) decides about the weight alone: qhat_b is that of q_b.

Variant usb: mu and sigma^2 are those of UA(q), and sigma is halved (`n_sigma` 2), as its authors'
code has it.

Classes that readers ruled out are treated as in `fixmatch`.
"""

import torch
from torch import Tensor

from sslapp.methods.softmatch.config import SoftMatchConfig
from sslapp.methods.threshold import averages
from sslapp.methods.threshold.objective import ThresholdObjective
from sslapp.training.loop import steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import TrainingStep
from sslapp.training.rules.alignment.distribution import DistributionAlignment
from sslapp.training.rules.losses import allowed_probabilities
from sslapp.training.rules.thresholds.gaussian_weights import GaussianWeights
from sslapp.training.run import Run
from sslapp.training.task import Task

N_SIGMA = {"paper": 1.0, "usb": 2.0}


class SoftMatchObjective(ThresholdObjective):
    """The loss above.

    Args:
        config: the options.
        weights: with its averages at their start.
        alignment: UA, or None.
    """

    def __init__(
        self,
        config: SoftMatchConfig,
        weights: GaussianWeights,
        alignment: DistributionAlignment | None = None,
    ) -> None:
        super().__init__(config, weights, alignment)
        self._follows_aligned = config.variant == "usb"

    def predictions(self, step: TrainingStep) -> Tensor:
        """q, as it is."""
        return allowed_probabilities(step.logits["weak"].detach(), step.forbidden)

    def weights(self, q: Tensor, step: TrainingStep) -> Tensor:
        """w(q); moves p~, mu and sigma^2."""
        aligned = q if self.alignment is None else self.alignment(q)
        self.threshold.update(aligned if self._follows_aligned else q, step.rows)
        return self.threshold.mask(aligned)


class SoftMatch(Method):
    """FixMatch whose pseudo-labels all count, unsure ones less."""

    Config = SoftMatchConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels or encoded views."""
        return steps.train(task, run, self.config, objective(self.config, task, run.device))


def objective(config: SoftMatchConfig, task: Task, device: torch.device) -> SoftMatchObjective:
    """The objective of one fit."""
    weights = gaussian_weights(config, averages.momentum(config, task), task.num_classes, device)
    alignment = averages.alignment(config.alignment, config, task, device, from_first=True)
    return SoftMatchObjective(config, weights, alignment)


def gaussian_weights(
    config: SoftMatchConfig,
    momentum: float,
    num_classes: int,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> GaussianWeights:
    """w, as the options name it."""
    return GaussianWeights(
        momentum,
        num_classes,
        device,
        n_sigma=config.n_sigma or N_SIGMA[config.variant],
        per_class=config.per_class,
        pull_unseen=config.variant == "usb",
        dtype=dtype,
    )
