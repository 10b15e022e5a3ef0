"""ReMixMatch (Berthelot, Carlini, Cubuk, Kurakin, Sohn, Zhang and Raffel, "ReMixMatch:
Semi-Supervised Learning with Distribution Matching and Augmentation Anchoring", ICLR 2020).

MixMatch whose guess comes from a weak view alone, is aligned with the classes' frequencies and is
the label of strong views too; the last term needs no label. With A_k strong views, K of them:

    p~_b = p(y | a(u_b)) * p(y) / p~(y), made to sum to 1      distribution alignment
    q_b  = p~_b^(1/T) / sum
    W    = all of (A(x_b), p_b), (A_k(u_b), q_b), (a(u_b), q_b), mixed as MixMatch does into X', U'
    l    = mean of H(p, p(y | x)) over X'
         + r(k) lambda_u mean of H(q, p(y | u)) over U'
         + r(k) lambda_strong mean of H(q_b, p(y | A_1(u_b)))
         + lambda_r mean of H(turn, p_rot(turn | A_1(u_b) turned))

p~(y) is the mean of what the last batches said, without their alignment; the labels' frequencies
are p(y), every class counted once more. Mixtures, the strong view and its turns go through the
network in one pass; q comes from one apart, without gradient.

Added here: what a reader ruled out has probability 0 in q, and the complementary loss is taken on
A_1(u_b).
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from sslapp.methods.consistency.objective import RampedObjective, Terms
from sslapp.methods.mixing.remixmatch.config import ReMixMatchConfig
from sslapp.training import configuration
from sslapp.training.loop import schedule, steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import LABELLED, Batch, TrainingStep, View
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules.alignment.distribution import DistributionAlignment, frequencies
from sslapp.training.rules.losses import allowed_probabilities, cross_entropy
from sslapp.training.rules.mixing import Drawing, Mix, drawing
from sslapp.training.rules.rotations import QUARTERS, drawn_turns, rotated
from sslapp.training.rules.sharpening import one_hot, sharpened
from sslapp.training.run import Run
from sslapp.training.task import Task

WEAK, STRONG, LABELLED_STRONG = "weak", "strong", "labelled strong"
MIXED, TURNED = "mixed", "turned"
LABELS, GUESSES, TARGETS, TURNS = "mixed labels", "mixed guesses", "guesses", "turns"
ROTATION = "rotation"
LONGEST, USB_MOMENTUM = 128, 0.999

Turning = Callable[[Tensor, torch.Generator], Tensor]
"""(n, ...) images, a generator on the CPU -> (n,) int64 quarter turns."""


class ReMixMatchObjective(RampedObjective):
    """The loss above.

    Args:
        config: the options.
        draw: who is mixed with whom.
        alignment: of guesses, or None.
        turn: draws quarter turns.
    """

    config: ReMixMatchConfig
    student = STRONG

    def __init__(
        self,
        config: ReMixMatchConfig,
        draw: Drawing,
        alignment: DistributionAlignment | None,
        turn: Turning = drawn_turns,
    ) -> None:
        super().__init__(config)
        self._draw, self.alignment, self._turn = draw, alignment, turn
        self._turns = config.rotation == "on" or (config.rotation == "auto" and config.flip)
        further = [f"{STRONG} {number}" for number in range(2, config.strong_views + 1)]
        self._strong = [STRONG, *further]
        self.views: Mapping[str, View] = {WEAK: "weak", **dict.fromkeys(self._strong, "strong")}
        if config.variant == "paper":
            self.labelled_views = {LABELLED_STRONG: "strong"}

    def heads(self, num_features: int) -> nn.ModuleDict | None:
        """What tells turns apart."""
        if not self._turns:
            return None
        return nn.ModuleDict({ROTATION: nn.Linear(num_features, QUARTERS)})

    def forward(self, passes: NetworkPasses, batch: Batch) -> dict[str, Tensor]:
        """Guess, mix and turn, and one joint pass of all."""
        q = self._guess(passes, batch)
        views = dict(batch.views)
        plain = views.pop(LABELLED)
        pool = [views.pop(LABELLED_STRONG, plain)]
        pool += [views.pop(name) for name in (*self._strong, WEAK)]
        guesses = q.repeat(len(pool) - 1, 1)
        targets = torch.cat([one_hot(batch.labels, q), guesses])
        mix = self._mix(passes, len(targets))
        images, targets = mix(torch.cat(pool)), mix(targets)

        strong, count = batch.views[STRONG], len(batch.labels)
        views |= {LABELLED: images[:count], MIXED: images[count:], STRONG: strong}
        known = {LABELS: targets[:count], GUESSES: targets[count:], TARGETS: q}
        if not self._turns:
            return {**passes.joint(views), **known}
        turned, turns = self._rotated(passes, strong)
        features = passes.joint_features({**views, TURNED: turned})
        told = passes.heads[ROTATION](features.pop(TURNED))
        answers = {name: passes.head(value) for name, value in features.items()}
        return {**answers, **known, TURNED: told, TURNS: turns}

    def pictures(self, passes: NetworkPasses, views: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The first strong views, each mixed with another view of these few, and turned where
        turns are told apart; see Objective."""
        strong = views[STRONG]
        pool = torch.cat([views[name] for name in (*self._strong, WEAK)])
        made = {MIXED: self._mix(passes, len(pool))(pool)[: len(strong)]}
        if self._turns:
            made[TURNED], _ = self._rotated(passes, strong)
        return made

    def _mix(self, passes: NetworkPasses, count: int) -> Mix:
        """Who is mixed with whom at this step, in a pool of `count`."""
        return self._draw(count, passes.generator("mixing"))

    def _rotated(self, passes: NetworkPasses, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images turned as it is drawn for this step, and by how many quarters."""
        turns = self._turn(images, passes.generator("turns"))
        return rotated(images, turns), turns

    @torch.no_grad()
    def _guess(self, passes: NetworkPasses, batch: Batch) -> Tensor:
        """(mu B, C) q; moves what the alignment remembers."""
        p = allowed_probabilities(passes.apart(batch.views[WEAK]), batch.forbidden)
        aligned = p if self.alignment is None else self.alignment(p)
        return sharpened(aligned, self.config.temperature)

    def guess(self, step: TrainingStep) -> Tensor:
        """q, unmixed."""
        return step.outputs[TARGETS]

    def labelled_loss(self, step: TrainingStep) -> Tensor:
        """The mean over X'."""
        return cross_entropy(step.logits[LABELLED], step.outputs[LABELS]).mean()

    def unlabelled_loss(self, step: TrainingStep) -> Tensor:
        """The mean over U'."""
        return cross_entropy(step.outputs[MIXED], step.outputs[GUESSES]).mean()

    def terms(self, step: TrainingStep, ramp: float) -> Terms:
        """Those of the strong view and of its turns."""
        config = self.config
        strong = cross_entropy(step.logits[STRONG], step.outputs[TARGETS]).mean()
        terms = {"strong view loss": (config.lambda_strong * ramp, strong)}
        if self._turns:
            turned = cross_entropy(step.outputs[TURNED], step.outputs[TURNS]).mean()
            terms["rotation loss"] = (config.lambda_r, turned)
        return terms

    def state_dict(self) -> dict[str, Tensor]:
        """The alignment's."""
        return {} if self.alignment is None else self.alignment.state_dict()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        if self.alignment is not None:
            self.alignment.load_state_dict(state)


class ReMixMatch(Method):
    """MixMatch with strong views, aligned guesses and quarter turns."""

    Config = ReMixMatchConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels."""
        config = self.config
        draw = drawing(config.alpha, run.device, per_image=config.variant == "paper")
        objective = ReMixMatchObjective(config, draw, _alignment(config, task, run.device))
        return steps.train(task, run, config, objective)


def _alignment(
    config: ReMixMatchConfig, task: Task, device: torch.device
) -> DistributionAlignment | None:
    if config.alignment == "none":
        return None
    target = frequencies(config.alignment, task, device)
    if config.variant == "usb":
        return DistributionAlignment(target, USB_MOMENTUM, from_first=True)
    latest = schedule.memory(configuration.steps(config, task), longest=LONGEST)
    # a batch is aligned by those before it, as in the authors' code
    return DistributionAlignment(target, latest=latest, moves_first=False)
