"""Pseudo-Label (Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for
Deep Neural Networks", ICML 2013 workshop on challenges in representation learning).

The likeliest class of an unlabelled image, as the network has it at this step, is taken for its
label. Target and loss are of the same, weak view. In FixMatch's symbols, at step k of K:

    q_b   = p_m(y | a(u_b)),   qhat_b = argmax q_b
    l_u   = 1/(mu B) sum_b 1(max q_b >= tau) H(qhat_b, p_m(y | a(u_b)))
    l     = l_s + lambda_u alpha(k) l_u
    alpha = 0 before T1,  3 (k - T1) / (T2 - T1) up to T2,  3 from there on

The paper has no tau. Its T1 and T2 are epochs 100 and 600; here they are a tenth and three fifths
of the run, which is a choice. Variant usb: tau .95, and alpha = min(1, k / (.4 K)).

The unlabelled images have a pass of their own, normalised by their own batch, and running
statistics follow the labelled images alone, as in USB.

Added here: classes that a reader ruled out take no part in q_b, and l_c = 1/B sum_b
-log p_m(y not in F_b | a(u_b)).
"""

from collections.abc import Mapping

from torch import Tensor

from sslapp.methods.pseudo_label.config import PseudoLabelConfig
from sslapp.methods.threshold.objective import ThresholdObjective
from sslapp.training.loop import steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import Batch, TrainingStep, View
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules.ramps import linear
from sslapp.training.rules.thresholds.confidence import FixedThreshold
from sslapp.training.run import Run
from sslapp.training.task import Task

TAU = {"paper": 0.0, "usb": 0.95}
FIRST, LAST, HEIGHT = 0.1, 0.6, 3.0
USB_SHARE = 0.4


class PseudoLabelObjective(ThresholdObjective):
    """The loss above.

    Args:
        config: the options.
    """

    views: Mapping[str, View] = {"weak": "weak"}
    student = "weak"

    def __init__(self, config: PseudoLabelConfig) -> None:
        super().__init__(config, FixedThreshold(config.tau or TAU[config.variant]))
        self._as_in_paper = config.variant == "paper"

    def forward(self, passes: NetworkPasses, batch: Batch) -> dict[str, Tensor]:
        """The labelled images jointly with those of no class, the unlabelled ones apart."""
        with_answers = {name: view for name, view in batch.views.items() if name != "weak"}
        return {**passes.joint(with_answers), "weak": passes.apart(batch.views["weak"])}

    def consistency(self, step: TrainingStep, q: Tensor) -> Tensor:
        """(mu B,) alpha(k) H(qhat_b, p_m(y | a(u_b)))."""
        return self.alpha(step.number, step.total) * super().consistency(step, q)

    def alpha(self, number: int, total: int) -> float:
        """alpha(k) of step `number` of `total`."""
        if self._as_in_paper:
            return between(number, FIRST * total, LAST * total, HEIGHT)
        return linear(number, total, USB_SHARE)


class PseudoLabel(Method):
    """The likeliest class of an unlabelled image is taken for its label."""

    Config = PseudoLabelConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels or encoded views."""
        return steps.train(task, run, self.config, PseudoLabelObjective(self.config))


def between(number: int, first: float, last: float, height: float) -> float:
    """0 up to step `first`, `height` from step `last` on, and a straight line between."""
    return height * min(1.0, max(0.0, (number - first) / (last - first)))
