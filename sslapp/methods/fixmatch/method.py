"""FixMatch (Sohn et al., "FixMatch: Simplifying Semi-Supervised Learning with Consistency and
Confidence", NeurIPS 2020).

The network's own prediction on a weakly augmented image, where it is confident, is the label for
a strongly augmented version of the same image. In the paper's symbols, with a labelled batch
(x_b, p_b) of B images, an unlabelled batch u_b of mu B, weak and strong augmentation a and A:

    l_s = 1/B sum_b H(p_b, p_m(y | a(x_b)))                                                 (eq. 3)
    q_b = p_m(y | a(u_b)),   qhat_b = argmax q_b
    l_u = 1/(mu B) sum_b 1(max q_b >= tau) H(qhat_b, p_m(y | A(u_b)))                       (eq. 4)
    l   = l_s + lambda_u l_u

Options put other rules in the place of tau: FlexMatch's curriculum (Zhang et al., NeurIPS 2021) and
FreeMatch's self-adaptive threshold with its fairness loss lambda_f l_f (Wang et al., ICLR 2023);
and align q_b with known class frequencies (ReMixMatch, as in FixMatch's appendix).

Added here: classes that a reader ruled out take no part in q_b, and l_c = 1/B sum_b
-log p_m(y not in F_b | A(u_b)) tells the network so; with nothing ruled out this is the paper.
"""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from sslapp.methods.fixmatch.config import FixMatchConfig
from sslapp.training import configuration
from sslapp.training.loop import schedule, steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import LABELLED, Losses, Objective, TrainingStep, class_counts
from sslapp.training.rules.alignment import DistributionAlignment, frequencies
from sslapp.training.rules.losses import (
    allowed_probabilities,
    complementary_loss,
    cross_entropy,
    fairness,
    masked_mean,
)
from sslapp.training.rules.thresholds import (
    FixedThreshold,
    FlexibleThreshold,
    SelfAdaptiveThreshold,
    ThresholdRule,
)
from sslapp.training.run import Run
from sslapp.training.task import Task

FREEMATCH_MOMENTUM = 0.999


class FixMatchObjective(Objective):
    """The loss above.

    Args:
        config: the options.
        threshold: which pseudo-labels count; tau for every class by default.
        alignment: of the weak views' predictions, or None.
    """

    views: ClassVar = {"weak": "weak", "strong": "strong"}

    def __init__(
        self,
        config: FixMatchConfig,
        threshold: ThresholdRule | None = None,
        alignment: DistributionAlignment | None = None,
    ) -> None:
        self.config = config
        self.threshold = threshold or FixedThreshold(config.tau)
        self.alignment = alignment

    def losses(self, step: TrainingStep) -> Losses:
        """l_s + lambda_u l_u + lambda_c l_c + lambda_f l_f; the weak views get no gradient."""
        loss_s = cross_entropy(step.logits[LABELLED], step.labels).mean()

        q = allowed_probabilities(step.logits["weak"].detach(), step.forbidden)  # (mu B, C)
        if self.alignment is not None:
            q = self.alignment(q)
        pseudo_label = q.argmax(dim=1)
        mask = self.threshold.select(q, step.rows)
        strong = step.logits["strong"]
        loss_u = masked_mean(cross_entropy(strong, pseudo_label), mask, self.config.reduction)

        # over B: a ruled-out class is as much of an answer as a label
        loss_c = complementary_loss(strong, step.forbidden).sum() / len(step.labels)

        total = loss_s + self.config.lambda_u * loss_u + self.config.lambda_c * loss_c
        metrics = {
            "labelled loss": loss_s.detach(),
            "unlabelled loss": loss_u.detach(),
            "mask rate": mask.float().mean(),
            "pseudo_labels": class_counts(pseudo_label, mask, q.shape[1]),
        }
        if self.config.lambda_f and isinstance(self.threshold, SelfAdaptiveThreshold):
            rule = self.threshold
            loss_f = fairness(torch.softmax(strong, dim=1), mask, rule.share, rule.predicted)
            total = total + self.config.lambda_f * loss_f
            metrics["fairness loss"] = loss_f.detach()
        return Losses(total, metrics)

    def state_dict(self) -> dict[str, Tensor]:
        """The threshold's and the alignment's."""
        state = {f"threshold.{k}": v for k, v in self.threshold.state_dict().items()}
        if self.alignment is not None:
            state |= {f"alignment.{k}": v for k, v in self.alignment.state_dict().items()}
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        self.threshold.load_state_dict(_part(state, "threshold."))
        if self.alignment is not None:
            self.alignment.load_state_dict(_part(state, "alignment."))


class FixMatch(Method):
    """Weak-to-strong consistency with confident hard pseudo-labels."""

    Config = FixMatchConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels or encoded views."""
        return steps.train(task, run, self.config, objective(self.config, task, run.device))


def objective(config: FixMatchConfig, task: Task, device: torch.device) -> FixMatchObjective:
    """The objective of one fit, with the rules that the options name."""
    alignment = None
    if config.alignment != "none":
        momentum = 1 - 1 / schedule.memory(configuration.steps(config, task))
        target = frequencies(config.alignment, task, device)
        alignment = DistributionAlignment(target, momentum)
    return FixMatchObjective(config, _threshold(config, task, device), alignment)


def _threshold(config: FixMatchConfig, task: Task, device: torch.device) -> ThresholdRule:
    if config.threshold == "flexible":
        unlabelled = len(task.pool) + len(task.labelled)
        return FlexibleThreshold(config.tau, task.num_classes, unlabelled, device)
    if config.threshold == "adaptive":
        return SelfAdaptiveThreshold(FREEMATCH_MOMENTUM, task.num_classes, device)
    return FixedThreshold(config.tau)


def _part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
