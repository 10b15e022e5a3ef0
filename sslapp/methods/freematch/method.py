"""FreeMatch (Wang et al., "FreeMatch: Self-adaptive Thresholding for Semi-supervised Learning",
ICLR 2023).

FixMatch without a threshold to choose: it follows how sure the network is, of all images and of
each class. With averages over time, all from 1/C, of the batch's predictions:

    tau  <- m tau + (1 - m) 1/(mu B) sum_b max q_b
    p~   <- m p~  + (1 - m) 1/(mu B) sum_b q_b
    h~   <- m h~  + (1 - m) hist(qhat_b)
    tau_c = tau p~_c / max_c p~_c
    l_u   = 1/(mu B) sum_b 1(max q_b >= tau_{qhat_b}) H(qhat_b, p_m(y | A(u_b)))   (eqs. 5 to 8)
    l_f   = sum_c a_c log b_c,   a = norm(p~ / h~),   b = norm(pbar / hbar)        (eqs. 9 to 12)
    l     = l_s + lambda_u l_u + lambda_f l_f

pbar and hbar are the mean and the histogram of the selected strong predictions. The averages move
before they are used. l_f has the published sign: see `rules.losses.fairness` for what it does then.

m is .999 in the paper, for a million steps; here it is automatic and remembers a tenth of the run,
or the thresholds of a short one would stay near 1/C.

Classes that readers ruled out are treated as in `fixmatch`.
"""

import torch
from torch import Tensor

from sslapp.methods.freematch.config import FreeMatchConfig
from sslapp.methods.threshold import averages
from sslapp.methods.threshold.objective import Terms, ThresholdObjective
from sslapp.training.loop import steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import TrainingStep
from sslapp.training.rules.alignment.distribution import DistributionAlignment
from sslapp.training.rules.losses import fairness
from sslapp.training.rules.thresholds.confidence import SelfAdaptiveThreshold
from sslapp.training.run import Run
from sslapp.training.task import Task


class FreeMatchObjective(ThresholdObjective):
    """The loss above.

    Args:
        config: the options.
        threshold: tau_c.
        alignment: of the weak views' predictions, or None.
    """

    def __init__(
        self,
        config: FreeMatchConfig,
        threshold: SelfAdaptiveThreshold,
        alignment: DistributionAlignment | None = None,
    ) -> None:
        super().__init__(config, threshold, alignment)
        self.lambda_f, self.averages = config.lambda_f, threshold

    def terms(self, step: TrainingStep, q: Tensor, weight: Tensor) -> Terms:
        """lambda_f l_f."""
        if not self.lambda_f:
            return {}
        p = torch.softmax(step.logits["strong"], dim=1)
        now = self.averages
        return {"fairness loss": (self.lambda_f, fairness(p, weight, now.share, now.predicted))}


class FreeMatch(Method):
    """FixMatch with thresholds that follow the model's own confidence."""

    Config = FreeMatchConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels or encoded views."""
        return steps.train(task, run, self.config, objective(self.config, task, run.device))


def objective(config: FreeMatchConfig, task: Task, device: torch.device) -> FreeMatchObjective:
    """The objective of one fit."""
    momentum = averages.momentum(config, task)
    rule = SelfAdaptiveThreshold(momentum, task.num_classes, device)
    alignment = averages.alignment(config.alignment, config, task, device)
    return FreeMatchObjective(config, rule, alignment)
