"""FlexMatch (Zhang et al., "FlexMatch: Boosting Semi-Supervised Learning with Curriculum Pseudo
Labeling", NeurIPS 2021).

FixMatch whose threshold is lower for a class that the network has not learned well yet, which shows
in how few images it has won. With s_j the class that unlabelled image j was last predicted as with
tau or more (none at first) and n_none the number of those without a class:

    sigma_c = #{j: s_j = c}
    beta_c  = sigma_c / max(max_c sigma_c, n_none)
    T_c     = tau beta_c / (2 - beta_c)
    l_u     = 1/(mu B) sum_b 1(max q_b >= T_{qhat_b}) H(qhat_b, p_m(y | A(u_b)))

and the rest is FixMatch's. Left open by the text and taken from the published code: beta is that of
the step before, it does not move any more once every image is of one class, and while no image has
a class it is 0, so that every image counts. Without `threshold_warm_up` n_none takes no part.

Classes that readers ruled out are treated as in `fixmatch`.
"""

import torch

from sslapp.methods.flexmatch.config import FlexMatchConfig
from sslapp.methods.threshold import averages
from sslapp.methods.threshold.objective import ThresholdObjective
from sslapp.training.loop import steps
from sslapp.training.method import Method, Predictor
from sslapp.training.rules.thresholds.confidence import FlexibleThreshold
from sslapp.training.run import Run
from sslapp.training.task import Task


class FlexMatch(Method):
    """FixMatch with a threshold for every class that follows what it has won."""

    Config = FlexMatchConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels or encoded views."""
        return steps.train(task, run, self.config, objective(self.config, task, run.device))


def objective(config: FlexMatchConfig, task: Task, device: torch.device) -> ThresholdObjective:
    """The objective of one fit; it remembers a class of every unlabelled image."""
    rule = FlexibleThreshold(
        config.tau,
        task.num_classes,
        len(task.pool) + len(task.labelled),
        device,
        warm_up=config.threshold_warm_up,
    )
    alignment = averages.alignment(config.alignment, config, task, device)
    return ThresholdObjective(config, rule, alignment)
