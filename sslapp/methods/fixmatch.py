"""FixMatch (Sohn et al., "FixMatch: Simplifying Semi-Supervised Learning with Consistency and
Confidence", NeurIPS 2020).

The network's own prediction on a weakly augmented image, where it is confident, is the label for
a strongly augmented version of the same image. In the paper's symbols, with a labelled batch
(x_b, p_b) of B images, an unlabelled batch u_b of mu B, weak and strong augmentation a and A:

    l_s = 1/B sum_b H(p_b, p_m(y | a(x_b)))                                                 (eq. 3)
    q_b = p_m(y | a(u_b)),   qhat_b = argmax q_b
    l_u = 1/(mu B) sum_b 1(max q_b >= tau) H(qhat_b, p_m(y | A(u_b)))                       (eq. 4)
    l   = l_s + lambda_u l_u

Added here: classes that a reader ruled out take no part in q_b, and l_c = 1/B sum_b
-log p_m(y not in F_b | A(u_b)) tells the network so; with nothing ruled out this is the paper.
"""

from typing import ClassVar

from sslapp.methods.cards import FixMatchConfig
from sslapp.training import loop
from sslapp.training.losses import (
    allowed_probabilities,
    complementary_loss,
    cross_entropy,
    masked_mean,
)
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import LABELLED, Losses, Objective, Step, class_counts
from sslapp.training.run import Run
from sslapp.training.task import Task
from sslapp.training.thresholds import FixedThreshold


class FixMatchObjective(Objective):
    """The loss above."""

    views: ClassVar = {"weak": "weak", "strong": "strong"}

    def __init__(self, config: FixMatchConfig) -> None:
        self.config = config
        self.threshold = FixedThreshold(config.tau)

    def losses(self, step: Step) -> Losses:
        """l_s + lambda_u l_u + lambda_c l_c; the weak views get no gradient."""
        loss_s = cross_entropy(step.logits[LABELLED], step.labels).mean()

        q = allowed_probabilities(step.logits["weak"].detach(), step.forbidden)  # (mu B, C)
        pseudo_label = q.argmax(dim=1)
        mask = self.threshold.mask(q)
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
        return Losses(total, metrics)


class FixMatch(Method):
    """Weak-to-strong consistency with confident hard pseudo-labels."""

    Config = FixMatchConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels."""
        return loop.train(task, run, self.config, FixMatchObjective(self.config))
