"""AdaMatch (Berthelot, Roelofs, Sohn, Carlini and Kurakin, "AdaMatch: A Unified Approach to
Semi-Supervised Learning and Domain Adaptation", ICLR 2022).

FixMatch for unlabelled images that may differ from the labelled ones. Labelled images are seen
weakly and strongly, once alone and once with the unlabelled ones, so that batch normalisation by
either is learnt; pseudo-labels are aligned with what the model says of labelled images, and count
relative to its confidence in those. With z' the labelled logits of the batch alone, z'' those of
the joint batch, and lambda ~ U(0, 1) drawn for every logit:

    z_b  = z''_b + lambda (z'_b - z''_b)                                 gradient through both
    l_s  = 1/(2B) sum_b [H(y_b, z_b weak) + H(y_b, z_b strong)]
    q_b  = norm(sg[p(a(u_b))] P_labelled / P_unlabelled)                 averages over time
    c    = tau mean_b max sg[softmax(z_b weak)]
    l_u  = w(t) 1/(mu B) sum_b 1(max q_b >= c) H(argmax q_b, p(A(u_b)))
    w(t) = 1/2 - cos(min(pi, 2 pi t)) / 2,   t = k / K: 0 at first, 1 from half of the run on

The authors' code averages P_labelled with a decay of .999 and P_unlabelled over the latest 128
batches, in 131,072 steps. Here both remember a tenth of a shorter run. Their order is kept: the
averages move before they are used. The pass of labelled images alone leaves the running statistics
as they are. The variant "usb" has neither z' nor the strong labelled view nor w.

Classes that a reader ruled out are treated as in `fixmatch`.
"""

import math

import torch
from torch import Tensor

from sslapp.methods.adamatch.config import AdaMatchConfig
from sslapp.methods.threshold.objective import ThresholdObjective
from sslapp.training import configuration
from sslapp.training.loop import schedule, steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import LABELLED, Batch, TrainingStep
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules.alignment.moving import MovingAlignment
from sslapp.training.rules.losses import cross_entropy
from sslapp.training.rules.thresholds.relative_threshold import RelativeThreshold
from sslapp.training.run import Run
from sslapp.training.task import Task

LABELLED_STRONG = "labelled strong"
LONGEST_BUFFER = 128
TAU = {"paper": 0.9, "usb": 0.95}


class AdaMatchObjective(ThresholdObjective):
    """The loss above.

    Args:
        config: the options.
        alignment: with its averages at their start.
    """

    def __init__(self, config: AdaMatchConfig, alignment: MovingAlignment) -> None:
        self.relative, self.moving = RelativeThreshold(config.tau or TAU[config.variant]), alignment
        super().__init__(config, self.relative, alignment)
        self.as_in_paper = config.variant == "paper"
        if self.as_in_paper:
            self.labelled_views = {LABELLED_STRONG: "strong"}

    def forward(self, passes: NetworkPasses, batch: Batch) -> dict[str, Tensor]:
        """A pass of the labelled images alone and one of all; labelled logits lie between."""
        if not self.as_in_paper:
            return super().forward(passes, batch)
        sizes = {name: len(batch.views[name]) for name in (LABELLED, LABELLED_STRONG)}
        alone = passes.apart(torch.cat([batch.views[name] for name in sizes]))
        logits = passes.joint(batch.views)
        joint = torch.cat([logits[name] for name in sizes])
        share = torch.rand(joint.shape, generator=passes.generator("interpolation"))
        between = joint + share.to(joint.device) * (alone - joint)
        parts = between.split(list(sizes.values()))
        return {**logits, **dict(zip(sizes, parts, strict=True))}

    def labelled_loss(self, step: TrainingStep) -> Tensor:
        """l_s."""
        weak = super().labelled_loss(step)
        if not self.as_in_paper:
            return weak
        return (weak + cross_entropy(step.logits[LABELLED_STRONG], step.labels).mean()) / 2

    def predictions(self, step: TrainingStep) -> Tensor:
        """q; moves the averages and the threshold."""
        labelled = torch.softmax(step.logits[LABELLED].detach(), dim=1)
        self.relative.relate(labelled)
        self.moving.follow(labelled)
        return super().predictions(step)

    def consistency(self, step: TrainingStep, q: Tensor) -> Tensor:
        """w(t) H(argmax q_b, p(A(u_b)))."""
        factor = rise(step.number, step.total) if self.as_in_paper else 1.0
        return factor * super().consistency(step, q)


class AdaMatch(Method):
    """FixMatch, aligned with the labelled images and with a threshold relative to them."""

    Config = AdaMatchConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels."""
        memory = schedule.memory(configuration.steps(self.config, task))
        alignment = MovingAlignment(
            task.num_classes,
            1 - 1 / memory,
            run.device,
            latest=min(memory, LONGEST_BUFFER) if self.config.variant == "paper" else 0,
        )
        return steps.train(task, run, self.config, AdaMatchObjective(self.config, alignment))


def rise(number: int, total: int) -> float:
    """w(t) of step `number` of `total`."""
    return 0.5 - math.cos(min(math.pi, 2 * math.pi * number / total)) / 2
