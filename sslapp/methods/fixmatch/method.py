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

import torch

from sslapp.methods.fixmatch.config import FixMatchConfig
from sslapp.methods.threshold.objective import Terms, ThresholdObjective
from sslapp.training import configuration
from sslapp.training.loop import schedule, steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import TrainingStep
from sslapp.training.rules.alignment import DistributionAlignment, frequencies
from sslapp.training.rules.losses import fairness
from sslapp.training.rules.thresholds import (
    FixedThreshold,
    FlexibleThreshold,
    SelfAdaptiveThreshold,
    ThresholdRule,
)
from sslapp.training.run import Run
from sslapp.training.task import Task

FREEMATCH_MOMENTUM = 0.999


class FixMatchObjective(ThresholdObjective):
    """The loss above.

    Args:
        config: the options.
        threshold: which pseudo-labels count; tau for every class by default.
        alignment: of the weak views' predictions, or None.
    """

    def __init__(
        self,
        config: FixMatchConfig,
        threshold: ThresholdRule | None = None,
        alignment: DistributionAlignment | None = None,
    ) -> None:
        super().__init__(config, threshold or FixedThreshold(config.tau), alignment)
        self.lambda_f = config.lambda_f

    def terms(self, step: TrainingStep, q: torch.Tensor, weight: torch.Tensor) -> Terms:
        """lambda_f l_f, where there are averages to compare with."""
        rule = self.threshold
        if not self.lambda_f or not isinstance(rule, SelfAdaptiveThreshold):
            return {}
        p = torch.softmax(step.logits["strong"], dim=1)
        return {"fairness loss": (self.lambda_f, fairness(p, weight, rule.share, rule.predicted))}


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
