"""SequenceMatch (Nguyen, "SequenceMatch: Revisiting the design of weak-strong augmentations for
Semi-supervised learning", arXiv 2310.15787).

Between a weak view w and a strong one s of an image stands a medium one m, and each is made
consistent with the weaker ones: m with w, s with m, s with w. With q_v = sg[p(v)], and
t_v = q_v sharpened by T:

    l_u = mean 1(max q_w >= tau_c) H(argmax q_w, p(s))             tau_c FlexMatch's, c = argmax q_w
    l_m = mean [ 1(max q_w >= tau) KL(t_w || p(m)) + 1(max q_m >= tau) KL(t_m || p(s))
                 + 1(max q_w >= tau) KL(t_w || p(s)) ]                    tau for all classes
    l_r = mean 1(max q_w < tau_c) KL(t_w || p(s))                          ReFixMatch, an option
    l   = l_s + lambda_u (l_u + lambda_s l_m + l_r)

as the authors' code has it (beandkay/SequenceMatch at 4f322bb). What the abstract says of images of
low confidence is l_r there, and off. Without the chain and with tau for every class, l_r makes this
ReFixMatch.

USB's copy cannot run: it asks for a name that it never defined. With that mended it takes
softmax(q / T), of probabilities, for t, which is nearly uniform; FlexMatch's mask for all terms;
and in ReFixMatch softmax(z_s / T) for p(s). The variant "usb" does so.

Classes that a reader ruled out are treated as in `fixmatch`, and are 0 in every t.
"""

import torch
from torch import Tensor

from sslapp.methods.sequencematch.config import SequenceMatchConfig
from sslapp.methods.threshold.objective import Terms, ThresholdObjective
from sslapp.training.loop import steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import TrainingStep
from sslapp.training.rules.divergences import kl_divergence
from sslapp.training.rules.losses import allowed_probabilities, masked_mean
from sslapp.training.rules.sharpening import sharpened
from sslapp.training.rules.thresholds.confidence import (
    FixedThreshold,
    FlexibleThreshold,
    ThresholdRule,
)
from sslapp.training.run import Run
from sslapp.training.task import Task


class SequenceMatchObjective(ThresholdObjective):
    """The loss above.

    Args:
        config: the options.
        threshold: of hard pseudo-labels.
    """

    config: SequenceMatchConfig

    def __init__(self, config: SequenceMatchConfig, threshold: ThresholdRule) -> None:
        super().__init__(config, threshold)
        self.fixed = FixedThreshold(config.tau)
        self.as_in_usb = config.variant == "usb"
        if config.lambda_s:
            self.views = {"weak": "weak", "medium": "medium", "strong": "strong"}

    def terms(self, step: TrainingStep, q: Tensor, weight: Tensor) -> Terms:
        """lambda_s l_m, and l_r."""
        found = {}
        factor = self.config.lambda_u
        target = self.soft(q, step)
        if self.config.lambda_s:
            chain = self.chain(step, q, target, weight)
            found["chain loss"] = (factor * self.config.lambda_s, chain)
        if self.config.refixmatch:
            # USB divides the student's logits too
            strong = step.logits["strong"] / (self.config.temperature if self.as_in_usb else 1)
            low = masked_mean(kl_divergence(target, strong), weight == 0)
            found["low confidence loss"] = (factor, low)
        return found

    def chain(self, step: TrainingStep, q: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """l_m of q_w, t_w and the mask of hard pseudo-labels."""
        medium, strong = step.logits["medium"], step.logits["strong"]
        q_m = allowed_probabilities(medium.detach(), step.forbidden)
        weak_counts, medium_counts = weight, weight
        if not self.as_in_usb:
            weak_counts = self.balanced(q, self.fixed.mask(q))
            medium_counts = self.balanced(q_m, self.fixed.mask(q_m))
        each = (
            weak_counts * kl_divergence(target, medium)
            + medium_counts * kl_divergence(self.soft(q_m, step), strong)
            + weak_counts * kl_divergence(target, strong)
        )
        return masked_mean(each, torch.ones_like(each))

    def soft(self, q: Tensor, step: TrainingStep) -> Tensor:
        """t of q, (mu B, C); 0 for forbidden classes."""
        if self.as_in_usb:
            return allowed_probabilities(q / self.config.temperature, step.forbidden)
        return sharpened(q, self.config.temperature)


class SequenceMatch(Method):
    """Consistency of each view with every weaker one."""

    Config = SequenceMatchConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels."""
        rule = threshold(self.config, task, run.device)
        return steps.train(task, run, self.config, SequenceMatchObjective(self.config, rule))


def threshold(config: SequenceMatchConfig, task: Task, device: torch.device) -> ThresholdRule:
    """The rule of hard pseudo-labels."""
    if config.threshold == "fixed":
        return FixedThreshold(config.tau)
    unlabelled = len(task.pool) + len(task.labelled)
    return FlexibleThreshold(config.tau, task.num_classes, unlabelled, device)
