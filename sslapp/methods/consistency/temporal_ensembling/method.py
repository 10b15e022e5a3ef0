"""Temporal ensembling (Laine and Aila, "Temporal Ensembling for Semi-Supervised Learning", ICLR
2017, section 2.2).

The Pi-model holds two answers of one moment against each other. Here an answer is held against the
average of those that the network gave in earlier epochs, which costs one view and is less noisy:

    z_i  = f(g(x_i), xi)
    l    = mean over labelled of -log z_i[y_i] + w(t) mean over all of 1/C |z_i - z~_i|^2
    Z    <- alpha Z + (1 - alpha) z,   z~ <- Z / (1 - alpha^t)   at the end of epoch t

w is the Pi-model's; an image has no target, and no loss, before its first epoch is over. What the
text leaves open is decided here: batches are drawn from an endless walk, so an epoch is N / (mu B)
steps, rounded, and an image that an epoch missed keeps its target.

Added here: what a reader ruled out has probability 0 in Z and in z~, and the complementary loss is
taken on z.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from sslapp.methods.consistency.objective import RampedObjective, perturbed
from sslapp.methods.consistency.temporal_ensembling.config import TemporalEnsemblingConfig
from sslapp.training import configuration
from sslapp.training.loop import steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import Batch, Losses, TrainingStep, View
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules import ramps
from sslapp.training.rules.divergences import squared_error
from sslapp.training.rules.ensembling import TemporalEnsemble
from sslapp.training.rules.losses import allowed_probabilities, masked_mean
from sslapp.training.run import Run
from sslapp.training.task import Task


class TemporalEnsemblingObjective(RampedObjective):
    """The loss above.

    Args:
        config: the options.
        ensemble: Z, with alpha.
        epoch: steps in one.
    """

    config: TemporalEnsemblingConfig
    views: Mapping[str, View] = {"weak": "weak"}
    student = "weak"

    def __init__(
        self, config: TemporalEnsemblingConfig, ensemble: TemporalEnsemble, epoch: int
    ) -> None:
        super().__init__(config)
        self.ensemble, self.epoch = ensemble, epoch

    def forward(self, passes: NetworkPasses, batch: Batch) -> dict[str, Tensor]:
        """One joint pass of noisy views."""
        config = self.config
        return perturbed(passes, batch.views, deviation=config.noise, rate=config.dropout)

    def ramp(self, number: int, total: int) -> float:
        """w(t) / w_max."""
        return ramps.sigmoid(super().ramp(number, total))

    def losses(self, step: TrainingStep) -> Losses:
        """The losses; then what the network said is kept, and averaged where an epoch ends."""
        losses = super().losses(step)
        z = allowed_probabilities(step.logits["weak"].detach(), step.forbidden)
        self.ensemble.see(z, step.rows)
        if (step.number + 1) % self.epoch == 0:
            self.ensemble.end_epoch()
        return losses

    def guess(self, step: TrainingStep) -> Tensor:
        """z~_i, before this step moves it."""
        targets, _ = self.ensemble.targets(step.rows, step.forbidden)
        return targets

    def unlabelled_loss(self, step: TrainingStep) -> Tensor:
        """Mean of 1/C |z_i - z~_i|^2, over all of the batch."""
        targets, known = self.ensemble.targets(step.rows, step.forbidden)
        z = torch.softmax(step.logits["weak"], dim=1)
        return masked_mean(squared_error(z, targets), known)

    def state_dict(self) -> dict[str, Tensor]:
        """The ensemble's."""
        return self.ensemble.state_dict()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        self.ensemble.load_state_dict(state)


class TemporalEnsembling(Method):
    """Predictions follow the average of those of earlier epochs."""

    Config = TemporalEnsemblingConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels."""
        unlabelled = len(task.pool) + len(task.labelled)
        ensemble = TemporalEnsemble(unlabelled, task.num_classes, self.config.momentum, run.device)
        batch = configuration.filled(self.config).batch_size * self.config.unlabelled_ratio
        objective = TemporalEnsemblingObjective(
            self.config, ensemble, max(1, round(unlabelled / batch))
        )
        return steps.train(task, run, self.config, objective)
