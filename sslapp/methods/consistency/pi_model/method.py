"""The Pi-model (Laine and Aila, "Temporal Ensembling for Semi-Supervised Learning", ICLR 2017,
section 2.1).

An unlabelled image has no label, but two perturbed versions of it have the same. With g and xi the
random augmentation and noise, in the paper's symbols:

    z_i  = f(g(x_i), xi),   z~_i = f(g'(x_i), xi')     probabilities
    l    = mean over labelled of -log z_i[y_i] + w(t) mean over all of 1/C |z_i - z~_i|^2
    w(t) = w_max exp(-5 (1 - t)^2),   t rising from 0 to 1 over a share of the run

The gradient flows through both. Both are perturbed in one joint pass with the labelled images: the
paper evaluates whole batches twice, and equal views must cost nothing.

Added here: what a reader ruled out has probability 0 in z_i, and the complementary loss is taken on
z~_i.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from sslapp.methods.consistency.objective import RampedObjective, perturbed
from sslapp.methods.consistency.pi_model.config import PiModelConfig
from sslapp.training.loop import steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import Batch, TrainingStep, View
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules import ramps
from sslapp.training.rules.divergences import squared_error
from sslapp.training.rules.losses import allowed_probabilities
from sslapp.training.run import Run
from sslapp.training.task import Task

FIRST, SECOND = "first", "second"


class PiModelObjective(RampedObjective):
    """The loss above.

    Args:
        config: the options.
    """

    config: PiModelConfig
    student = SECOND

    def __init__(self, config: PiModelConfig) -> None:
        super().__init__(config)
        self.views: Mapping[str, View] = {SECOND: "weak"}
        if config.perturbation == "augmentation":
            self.views = {FIRST: "weak", SECOND: "weak"}

    def forward(self, passes: NetworkPasses, batch: Batch) -> dict[str, Tensor]:
        """One joint pass of noisy views."""
        views = {FIRST: batch.views[SECOND], **batch.views}
        config = self.config
        return perturbed(passes, views, deviation=config.noise, rate=config.dropout)

    def ramp(self, number: int, total: int) -> float:
        """w(t) / w_max."""
        linear = super().ramp(number, total)
        return linear if self.config.variant == "usb" else ramps.sigmoid(linear)

    def guess(self, step: TrainingStep) -> Tensor:
        """z_i."""
        # under the name of a view where it is one
        first = step.logits[FIRST] if FIRST in step.logits else step.outputs[FIRST]
        return allowed_probabilities(first, step.forbidden)

    def unlabelled_loss(self, step: TrainingStep) -> Tensor:
        """Mean of 1/C |z_i - z~_i|^2."""
        z = self.guess(step)
        if self.config.variant == "usb":
            z = z.detach()
        return squared_error(torch.softmax(step.logits[SECOND], dim=1), z).mean()


class PiModel(Method):
    """Two perturbed versions of an image get like predictions."""

    Config = PiModelConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels."""
        return steps.train(task, run, self.config, PiModelObjective(self.config))
