"""FixMatch (Sohn et al., "FixMatch: Simplifying Semi-Supervised Learning with Consistency and
Confidence", NeurIPS 2020).

The network's own prediction on a weakly augmented image, where it is confident, is the label for
a strongly augmented version of the same image. In the paper's symbols, with a labelled batch
(x_b, p_b) of B images, an unlabelled batch u_b of mu B, weak and strong augmentation a and A:

    l_s = 1/B sum_b H(p_b, p_m(y | a(x_b)))                                                 (eq. 3)
    q_b = p_m(y | a(u_b)),   qhat_b = argmax q_b
    l_u = 1/(mu B) sum_b 1(max q_b >= tau) H(qhat_b, p_m(y | A(u_b)))                       (eq. 4)
    l   = l_s + lambda_u l_u

An option aligns q_b with known class frequencies (ReMixMatch, as in FixMatch's appendix). Soft
targets in the place of qhat_b are UDA without annealing (`uda`).

Added here: classes that a reader ruled out take no part in q_b, and l_c = 1/B sum_b
-log p_m(y not in F_b | A(u_b)) tells the network so; with nothing ruled out this is the paper.
"""

import torch

from sslapp.methods.fixmatch.config import FixMatchConfig
from sslapp.methods.threshold import averages
from sslapp.methods.threshold.objective import ThresholdObjective
from sslapp.training.loop import steps
from sslapp.training.method import Method, Predictor
from sslapp.training.rules.alignment.distribution import DistributionAlignment
from sslapp.training.rules.thresholds.confidence import FixedThreshold
from sslapp.training.run import Run
from sslapp.training.task import Task


class FixMatchObjective(ThresholdObjective):
    """The loss above: tau is the same for every class.

    Args:
        config: the options.
        alignment: of the weak views' predictions, or None.
    """

    def __init__(
        self, config: FixMatchConfig, alignment: DistributionAlignment | None = None
    ) -> None:
        super().__init__(config, FixedThreshold(config.tau), alignment)


class FixMatch(Method):
    """Weak-to-strong consistency with confident hard pseudo-labels."""

    Config = FixMatchConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels or encoded views."""
        return steps.train(task, run, self.config, objective(self.config, task, run.device))


def objective(config: FixMatchConfig, task: Task, device: torch.device) -> FixMatchObjective:
    """The objective of one fit."""
    return FixMatchObjective(config, averages.alignment(config.alignment, config, task, device))
