"""DeFixMatch (Schmutz, Humbert and Mattei, "Don't fear the unlabelled: safe semi-supervised
learning via debiasing", ICLR 2023).

FixMatch's loss estimates the risk with a bias, for pseudo-labels are no labels. The same loss on
labelled images *as if they were unlabelled* has the same expectation, and is subtracted:

    l_s = 1/(2B) sum_b [H(y_b, p(a(x_b))) + H(y_b, p(A(x_b)))]
    l_u = 1/(mu B) sum_b 1(max q_b >= tau) H(argmax q_b, p(A(u_b)))          q_b = sg[p(a(u_b))]
    l_a = 1/B sum_b 1(max r_b >= tau) H(argmax r_b, p(A(x_b)))          r_b = sg[p(a(x_b))]
    l   = l_s + lambda (l_u - l_a)                                                          (eq. 6)

argmax r_b is the model's own answer, not the label. -l_a has no lower bound: where the model is
sure and wrong it is pushed away from its answer, and where it is right l_a takes back what the
strong half of l_s teaches, all of it at lambda = 1/2. A negative loss is no fault.

The estimate is free of bias only where labelled and unlabelled images are drawn alike, which
balanced batches, `expert_share` and labels chosen for their use undo.

Classes that a reader ruled out are treated as in `fixmatch`.
"""

import torch
from torch import Tensor

from sslapp.methods.defixmatch.config import DeFixMatchConfig
from sslapp.methods.threshold.objective import Terms, ThresholdObjective
from sslapp.training.loop import steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import LABELLED, TrainingStep
from sslapp.training.rules.losses import cross_entropy, masked_mean
from sslapp.training.rules.thresholds.confidence import FixedThreshold
from sslapp.training.run import Run
from sslapp.training.task import Task

LABELLED_STRONG = "labelled strong"


class DeFixMatchObjective(ThresholdObjective):
    """The loss above.

    Args:
        config: the options.
    """

    def __init__(self, config: DeFixMatchConfig) -> None:
        super().__init__(config, FixedThreshold(config.tau))
        self.labelled_views = {LABELLED_STRONG: "strong"}

    def labelled_loss(self, step: TrainingStep) -> Tensor:
        """l_s."""
        strong = cross_entropy(step.logits[LABELLED_STRONG], step.labels).mean()
        return (super().labelled_loss(step) + strong) / 2

    def terms(self, step: TrainingStep, q: Tensor, weight: Tensor) -> Terms:
        """-lambda l_a, with the same help for rare classes that l_u has."""
        labelled = step.logits[LABELLED].detach()
        r = torch.softmax(labelled if self.shift is None else labelled - self.shift, dim=1)
        each = cross_entropy(step.logits[LABELLED_STRONG], r.argmax(dim=1))
        weight = self.balanced(r, self.threshold.mask(r))
        loss_a = masked_mean(each, weight, self.config.reduction)
        return {"labelled loss as if unlabelled": (-self.config.lambda_u, loss_a)}


class DeFixMatch(Method):
    """FixMatch less the same loss on labelled images."""

    Config = DeFixMatchConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels."""
        return steps.train(task, run, self.config, DeFixMatchObjective(self.config))
