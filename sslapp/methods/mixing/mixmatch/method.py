"""MixMatch (Berthelot, Carlini, Goodfellow, Papernot, Oliver and Raffel, "MixMatch: A Holistic
Approach to Semi-Supervised Learning", NeurIPS 2019).

Guess labels of unlabelled images, sharpen them, and train on mixtures of everything:

    qbar_b = 1/2 sum_k p(y | u_(b,k))              two augmentations
    q_b    = qbar_b^(1/T) / sum                                                          (eq. 7)
    W      = all of (x_b, p_b), (u_(b,1), q_b), (u_(b,2), q_b), shuffled
    X', U' = MixUp of each with its partner in W; lambda' = max(lambda, 1 - lambda)   (eqs. 8 to 13)
    L_X    = 1/B sum of H(p, p(y | x)) over X'
    L_U    = 1/(2 mu B) sum of 1/C |q - p(y | u)|^2 over U'
    L      = L_X + lambda_u r(k) L_U

lambda is drawn for every image, as the authors' code does. q comes from a pass of the two views
apart, without gradient. X' and U' go through the network in one pass: the authors split them into
batches of B and let one of these, made of a bit of each, move the running statistics; here all of
them do.

Added here: what a reader ruled out has probability 0 in q. The complementary loss wants an image
that is not mixed with another: where anything was ruled out, the first view is seen unmixed too.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from sslapp.methods.consistency.objective import RampedObjective
from sslapp.methods.mixing.mixmatch.config import MixMatchConfig
from sslapp.training.loop import steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import LABELLED, Batch, TrainingStep, View
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules.divergences import squared_error
from sslapp.training.rules.losses import allowed_probabilities, cross_entropy
from sslapp.training.rules.mixing import Drawing, Mix, drawing
from sslapp.training.rules.sharpening import one_hot, sharpened
from sslapp.training.run import Run
from sslapp.training.task import Task

FIRST, SECOND = "first", "second"
MIXED, LABELS, GUESSES, TARGETS = "mixed", "mixed labels", "mixed guesses", "guesses"


class MixMatchObjective(RampedObjective):
    """The loss above.

    Args:
        config: the options.
        draw: who is mixed with whom.
        ruled_out: whether readers ruled any class out.
    """

    config: MixMatchConfig
    views: Mapping[str, View] = {FIRST: "weak", SECOND: "weak"}
    student = FIRST

    def __init__(self, config: MixMatchConfig, draw: Drawing, *, ruled_out: bool) -> None:
        super().__init__(config)
        self._draw, self._ruled_out = draw, ruled_out

    def forward(self, passes: NetworkPasses, batch: Batch) -> dict[str, Tensor]:
        """Guess, mix, and one joint pass of mixtures."""
        views = dict(batch.views)
        pool = [views.pop(name) for name in (LABELLED, FIRST, SECOND)]
        q = self._guess(passes, batch)
        targets = torch.cat([one_hot(batch.labels, q), q, q])
        mix = self._mix(passes, len(targets))
        mixed = mix(torch.cat(pool)), mix(targets)
        count = len(batch.labels)
        if self._ruled_out:
            views[FIRST] = batch.views[FIRST]
        outputs = passes.joint({LABELLED: mixed[0][:count], MIXED: mixed[0][count:], **views})
        return {**outputs, LABELS: mixed[1][:count], GUESSES: mixed[1][count:], TARGETS: q}

    def pictures(self, passes: NetworkPasses, views: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The first views, each mixed with another of these few; see Objective."""
        pool = torch.cat([views[FIRST], views[SECOND]])
        return {MIXED: self._mix(passes, len(pool))(pool)[: len(views[FIRST])]}

    def _mix(self, passes: NetworkPasses, count: int) -> Mix:
        """Who is mixed with whom at this step, in a pool of `count`."""
        return self._draw(count, passes.generator("mixing"))

    @torch.no_grad()
    def _guess(self, passes: NetworkPasses, batch: Batch) -> Tensor:
        """(mu B, C) q."""
        answers = passes.apart(torch.cat([batch.views[FIRST], batch.views[SECOND]]))
        p = allowed_probabilities(answers, batch.forbidden.repeat(2, 1))
        return sharpened(p.view(2, *batch.forbidden.shape).mean(dim=0), self.config.temperature)

    def guess(self, step: TrainingStep) -> Tensor:
        """q, unmixed."""
        return step.outputs[TARGETS]

    def labelled_loss(self, step: TrainingStep) -> Tensor:
        """L_X."""
        return cross_entropy(step.logits[LABELLED], step.outputs[LABELS]).mean()

    def unlabelled_loss(self, step: TrainingStep) -> Tensor:
        """L_U."""
        guesses = step.outputs[GUESSES]
        p = torch.softmax(step.outputs[MIXED].to(guesses.dtype), dim=1)
        return squared_error(p, guesses).mean()

    def complementary(self, step: TrainingStep) -> Tensor:
        """l_c, where there is one."""
        if not self._ruled_out:
            return step.logits[LABELLED].new_zeros(())
        return super().complementary(step)


class MixMatch(Method):
    """Mixtures of labelled images and of unlabelled ones with guessed labels."""

    Config = MixMatchConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels."""
        draw = drawing(self.config.alpha, run.device, per_image=self.config.variant == "paper")
        ruled_out = bool(task.forbidden[task.pool].any())
        objective = MixMatchObjective(self.config, draw, ruled_out=ruled_out)
        return steps.train(task, run, self.config, objective)
