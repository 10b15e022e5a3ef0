"""UDA (Xie et al., "Unsupervised Data Augmentation for Consistency Training", NeurIPS 2020).

What the network says of a weak view, sharpened, is what it should say of a strong one, where it is
confident. In FixMatch's symbols, with T the temperature and t = k / K:

    q_b = p_m(y | a(u_b)),   t(q)_c = q_c^(1/T) / sum_d q_d^(1/T)
    l_u = 1/(mu B) sum_b 1(max q_b >= tau) H(t(q_b), p_m(y | A(u_b)))
    l   = l_s + lambda_u l_u

The cross-entropy is the paper's KL divergence but for a constant. Confidence is asked for before
sharpening. With training signal annealing l_s is the mean over those labelled images alone for
which p_m(y_b | a(x_b)) < eta, so that a network with few labels is not pushed on what it knows:

    eta = alpha (1 - 1/C) + 1/C,   alpha = t (linear), 1 - exp(-5 t) (log), exp(5 (t - 1)) (exp)

Variant usb: T plays no part, as its code turns logits into probabilities before it would divide by
it; annealing keeps images whose largest probability is at most eta, and divides by B. Without
annealing it is FixMatch with soft pseudo-labels.

Classes that readers ruled out are treated as in `fixmatch`: their part of the target is 0.
"""

import math
from collections.abc import Callable, Mapping

from torch import Tensor, softmax

from sslapp.methods.threshold.objective import ThresholdObjective
from sslapp.methods.uda.config import UDAConfig
from sslapp.training.loop import steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import LABELLED, TrainingStep
from sslapp.training.rules.losses import cross_entropy, masked_mean
from sslapp.training.rules.sharpening import sharpened
from sslapp.training.rules.thresholds.confidence import FixedThreshold
from sslapp.training.run import Run
from sslapp.training.task import Task

ALPHA: Mapping[str, Callable[[float], float]] = {
    "linear": lambda t: t,
    "log": lambda t: 1 - math.exp(-5 * t),
    "exp": lambda t: math.exp(5 * (t - 1)),
}


class UDAObjective(ThresholdObjective):
    """The loss above.

    Args:
        config: the options.
    """

    def __init__(self, config: UDAConfig) -> None:
        super().__init__(config, FixedThreshold(config.tau))
        self._as_in_paper = config.variant == "paper"
        self._temperature, self._annealing = config.temperature, config.annealing

    def labelled_loss(self, step: TrainingStep) -> Tensor:
        """l_s, annealed if the options say so; 0 for no image that is kept."""
        if self._annealing == "none":
            return super().labelled_loss(step)
        logits = step.logits[LABELLED]
        eta = limit(self._annealing, step.number / step.total, logits.shape[1])
        p = softmax(logits.detach(), dim=1)
        losses = cross_entropy(logits, step.labels)
        if self._as_in_paper:
            of_label = p.gather(1, step.labels[:, None]).squeeze(1)
            return masked_mean(losses, of_label < eta, "selected")
        return masked_mean(losses, p.max(dim=1).values <= eta, "all")

    def targets(self, q: Tensor) -> Tensor:
        """t(q), (mu B, C)."""
        return sharpened(q, self._temperature) if self._as_in_paper else q


class UDA(Method):
    """Weak-to-strong consistency with confident soft pseudo-labels, sharpened."""

    Config = UDAConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels or encoded views."""
        return steps.train(task, run, self.config, UDAObjective(self.config))


def limit(annealing: str, t: float, num_classes: int) -> float:
    """eta at t = k / K, by a name of ALPHA."""
    return ALPHA[annealing](t) * (1 - 1 / num_classes) + 1 / num_classes
