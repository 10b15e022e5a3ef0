"""Weak-to-strong consistency with pseudo-labels that a rule weighs: the step that FixMatch and its
relatives share.

With a labelled batch (x_b, y_b) of B images, an unlabelled one u_b of mu B, weak and strong
augmentation a and A, and F_b the classes that readers ruled out for u_b:

    l_s = 1/B sum_b H(y_b, p_m(y | a(x_b)))
    q_b = p_m(y | a(u_b), y not in F_b), aligned if the method aligns; no gradient
    l_u = 1/(mu B) sum_b w(q_b) H(t(q_b), p_m(y | A(u_b)))
    l_c = 1/B sum_b -log p_m(y not in F_b | A(u_b))
    l   = l_s + lambda_u l_u + lambda_c l_c

Where classes are rare, w(q) may be multiplied by the share of q's likeliest class
(`training.rules.class_balance`), and labelled and strong logits be given tau log pi before their
losses are taken, pi the labels' class frequencies (Menon et al., "Long-tail Learning via Logit
Adjustment", ICLR 2021, eq. 10): then plain logits, from which q is taken and classes are predicted,
are those of equal classes.

A relative says what w is (a rule of `training.rules.thresholds`), what t is (the likeliest class
by default) and which terms it adds.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from sslapp.methods.threshold.config import ThresholdConfig
from sslapp.training.objective import (
    LABELLED,
    Guesses,
    Losses,
    Objective,
    TrainingStep,
    View,
    class_counts,
    part,
)
from sslapp.training.rules.alignment.distribution import DistributionAlignment, frequencies
from sslapp.training.rules.class_balance import label_counts, selected_shares
from sslapp.training.rules.losses import (
    allowed_probabilities,
    complementary_loss,
    cross_entropy,
    masked_mean,
)
from sslapp.training.rules.thresholds.confidence import ThresholdRule
from sslapp.training.task import Task

Terms = Mapping[str, tuple[float, Tensor]]
"""Further losses by the name that they are reported by: their weights and scalars."""


class ThresholdObjective(Objective):
    """The loss above.

    Args:
        config: the weights.
        threshold: w, which pseudo-labels count and how much.
        alignment: of the weak views' predictions, or None.

    Attributes:
        student: the view that learns.
    """

    views: Mapping[str, View] = {"weak": "weak", "strong": "strong"}
    student = "strong"

    def __init__(
        self,
        config: ThresholdConfig,
        threshold: ThresholdRule,
        alignment: DistributionAlignment | None = None,
    ) -> None:
        self.config, self.threshold, self.alignment = config, threshold, alignment
        self.shares: Tensor | None = None
        self.shift: Tensor | None = None

    def begun(self, task: Task, device: torch.device) -> None:
        """Take the labels' class frequencies, where an option asks for them."""
        if self.config.class_balance == "crest":
            self.shares = selected_shares(label_counts(task)).to(device)
        if self.config.logit_adjustment:
            self.shift = self.config.logit_adjustment * frequencies("labelled", task, device).log()

    def losses(self, step: TrainingStep) -> Losses:
        """l_s + lambda_u l_u + lambda_c l_c and further terms; weak views get no gradient."""
        learning = self.adjusted(step)
        loss_s = self.labelled_loss(learning)
        q = self.predictions(step)  # (mu B, C)
        weight = self.balanced(q, self.weights(q, step))
        student = step.logits[self.student]
        loss_u = masked_mean(self.consistency(learning, q), weight, self.config.reduction)
        # over B: a ruled-out class is as much of an answer as a label
        loss_c = complementary_loss(student, step.forbidden).sum() / len(step.labels)

        total = loss_s + self.config.lambda_u * loss_u + self.config.lambda_c * loss_c
        metrics = {
            "labelled loss": loss_s.detach(),
            "unlabelled loss": loss_u.detach(),
            "mask rate": weight.float().mean(),
            "pseudo_labels": class_counts(q.argmax(dim=1), weight, q.shape[1]),
        }
        limits = self.threshold.limits()
        if limits is not None:
            metrics["threshold"] = limits
        for name, (factor, term) in self.terms(learning, q, weight).items():
            total = total + factor * term
            metrics[name] = term.detach()
        return Losses(total, metrics, Guesses(q.argmax(dim=1), weight))

    def adjusted(self, step: TrainingStep) -> TrainingStep:
        """The step with tau log pi in the logits of all views that learn; q is of plain ones."""
        if self.shift is None:
            return step
        still = {"weak"} - {self.student}
        logits = {n: z if n in still else z + self.shift for n, z in step.logits.items()}
        return replace(step, logits=logits)

    def balanced(self, q: Tensor, weight: Tensor) -> Tensor:
        """(mu B,) weights times the shares of the likeliest classes."""
        return weight if self.shares is None else weight * self.shares[q.argmax(dim=1)]

    def labelled_loss(self, step: TrainingStep) -> Tensor:
        """l_s."""
        return cross_entropy(step.logits[LABELLED], step.labels).mean()

    def predictions(self, step: TrainingStep) -> Tensor:
        """q, (mu B, C), detached: what weights and targets are taken from."""
        q = allowed_probabilities(step.logits["weak"].detach(), step.forbidden)
        return q if self.alignment is None else self.alignment(q)

    def weights(self, q: Tensor, step: TrainingStep) -> Tensor:
        """w(q), (mu B,) bool or in [0, 1]; moves the rule's state."""
        return self.threshold.select(q, step.rows)

    def targets(self, q: Tensor) -> Tensor:
        """t(q): (mu B,) classes or (mu B, C) probabilities."""
        return q.argmax(dim=1)

    def consistency(self, step: TrainingStep, q: Tensor) -> Tensor:
        """(mu B,) H(t(q_b), p_m(y | A(u_b)))."""
        return cross_entropy(step.logits[self.student], self.targets(q))

    def terms(self, step: TrainingStep, q: Tensor, weight: Tensor) -> Terms:
        """Losses beside these; none by default."""
        return {}

    def state_dict(self) -> dict[str, Tensor]:
        """The threshold's and the alignment's."""
        state = {f"threshold.{k}": v for k, v in self.threshold.state_dict().items()}
        if self.alignment is not None:
            state |= {f"alignment.{k}": v for k, v in self.alignment.state_dict().items()}
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        self.threshold.load_state_dict(part(state, "threshold."))
        if self.alignment is not None:
            self.alignment.load_state_dict(part(state, "alignment."))
