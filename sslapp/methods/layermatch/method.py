"""LayerMatch: the classifier learns from labels alone, and the features are drawn to a slower
classifier's clusters (the paper's Grad-ReLU and Avg-Clustering; no code was published).

With features h = Theta(x), a linear head beta, an averaged head betabar, and q, qhat, the mask as
in FixMatch but with FreeMatch's self-adaptive threshold (Wang et al., "FreeMatch", ICLR 2023):

    l_s  = 1/B sum_b H(p_b, beta h(a(x_b)))                       moves Theta and beta
    l_u  = mean over selected of H(qhat_b, sg[beta] h(A(u_b)))    moves Theta        (Grad-ReLU)
    l_ac = mean over selected of H(qhat_b, betabar h(A(u_b)))     moves Theta, and gives g
    l    = l_s + lambda_u l_u + lambda_ac l_ac

and after each step betabar <- m betabar + (1 - m) (betabar - alpha g), or betabar <- beta at every
N-th step, the 0th included. What the text leaves open is decided here: sg covers weight and bias;
N is 2,048 at the paper's 204,800 steps and the same share of any other budget, because betabar
moves so little between resets (a learning rate of 5e-7) that it is a snapshot of beta that is
renewed a hundred times in a run; sums are divided by the number selected, as the equations say.

Classes that a reader ruled out are treated as in `fixmatch`; that loss moves Theta alone too.

The paper's ablations are options: Grad-ReLU for l_u and for l_c (l_ac has no way to beta),
Avg-Clustering, N, and the threshold. Without the first three, with FixMatch's threshold and its
division by all, this is FixMatch. Without Grad-ReLU l_u moves beta too, which betabar copies.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from sslapp.methods.layermatch.config import LayerMatchConfig
from sslapp.training import configuration
from sslapp.training.loop import steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import (
    LABELLED,
    NONE_OF_THESE,
    Batch,
    Guesses,
    Losses,
    Objective,
    TrainingStep,
    View,
    class_counts,
    part,
)
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules.losses import (
    allowed_probabilities,
    complementary_loss,
    cross_entropy,
    masked_mean,
)
from sslapp.training.rules.thresholds.confidence import (
    FixedThreshold,
    SelfAdaptiveThreshold,
    ThresholdRule,
)
from sslapp.training.run import Run
from sslapp.training.task import Task

AVERAGED = "averaged"
RULED_OUT = "ruled out"
PAPER_STEPS, PAPER_PERIOD, SHORTEST_PERIOD = 204_800, 2048, 10


class AveragedHead:
    """betabar: a copy of the head that follows its own loss, very slowly, between resets.

    Args:
        momentum: m.
        step_size: alpha.
    """

    def __init__(self, momentum: float, step_size: float) -> None:
        self._momentum, self._step_size = momentum, step_size
        self._now: dict[str, Tensor] = {}
        self._copied: dict[str, Tensor] = {}

    def __call__(self, h: Tensor) -> Tensor:
        """Return (n, C) logits of (n, D) features."""
        return functional.linear(h, self._now["weight"], self._now["bias"])

    @property
    def is_set(self) -> bool:
        """Whether there is a copy yet."""
        return bool(self._now)

    def copy(self, head: nn.Module) -> None:
        """betabar <- beta."""
        # at least float32: a step is below what bfloat16 can tell apart
        state = {
            name: value.detach().to(torch.promote_types(value.dtype, torch.float32))
            for name, value in head.named_parameters()
        }
        self._copied = {name: value.clone() for name, value in state.items()}
        self._now = {name: value.clone().requires_grad_() for name, value in state.items()}

    def step(self) -> None:
        """betabar <- m betabar + (1 - m) (betabar - alpha g), with the gradient g left in it."""
        with torch.no_grad():
            for value in self._now.values():
                if value.grad is not None:
                    value.sub_((1 - self._momentum) * self._step_size * value.grad)
                    value.grad = None

    def distance(self) -> Tensor:
        """How far betabar has moved since it was copied."""
        moved = [self._now[name].detach() - value for name, value in self._copied.items()]
        return torch.cat([each.flatten() for each in moved]).norm()

    def state_dict(self) -> dict[str, Tensor]:
        """Both copies."""
        now = {f"now.{name}": value.detach() for name, value in self._now.items()}
        return now | {f"copied.{name}": value for name, value in self._copied.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        for name in {key.partition(".")[2] for key in state}:
            self._now[name] = state[f"now.{name}"].clone().requires_grad_()
            self._copied[name] = state[f"copied.{name}"].clone()


class LayerMatchObjective(Objective):
    """The losses above.

    Args:
        config: the options.
        num_classes: C.
        total: K, the number of steps, from which an automatic N follows.
        device: where the state lives.
    """

    views: Mapping[str, View] = {"weak": "weak", "strong": "strong"}

    def __init__(
        self, config: LayerMatchConfig, num_classes: int, total: int, device: torch.device
    ) -> None:
        self.config = config
        self.period = config.reset_every or period(total)
        self.threshold: ThresholdRule = (
            FixedThreshold(config.tau)
            if config.threshold == "fixed"
            else SelfAdaptiveThreshold(config.momentum, num_classes, device)
        )
        self.averaged = AveragedHead(config.momentum, config.head_step)

    def forward(self, passes: NetworkPasses, batch: Batch) -> dict[str, Tensor]:
        """One joint pass through the features; a head of its own for every loss."""
        head = passes.head
        if self.config.average_clustering and not self.averaged.is_set:
            self.averaged.copy(head)
        parts = passes.joint_features(batch.views)
        free: tuple[Tensor, Tensor] = head.weight, head.bias
        held = head.weight.detach(), head.bias.detach()
        outputs = {
            LABELLED: head(parts[LABELLED]),
            "weak": functional.linear(parts["weak"].detach(), *held),
            "strong": functional.linear(
                parts["strong"], *(held if self.config.grad_relu else free)
            ),
        }
        if NONE_OF_THESE in parts:  # as a label, it moves the head too
            outputs[NONE_OF_THESE] = head(parts[NONE_OF_THESE])
        if self.config.grad_relu_c != self.config.grad_relu:
            outputs[RULED_OUT] = functional.linear(
                parts["strong"], *(held if self.config.grad_relu_c else free)
            )
        if self.config.average_clustering:
            outputs[AVERAGED] = self.averaged(parts["strong"])
        return outputs

    def losses(self, step: TrainingStep) -> Losses:
        """l_s + lambda_u l_u + lambda_ac l_ac + lambda_c l_c; the weak views get no gradient."""
        config = self.config
        loss_s = cross_entropy(step.logits[LABELLED], step.labels).mean()

        q = allowed_probabilities(step.logits["weak"].detach(), step.forbidden)  # (mu B, C)
        pseudo_label = q.argmax(dim=1)
        mask = self.threshold.select(q, step.rows)
        strong = step.logits["strong"]
        loss_u = masked_mean(cross_entropy(strong, pseudo_label), mask, config.reduction)
        ruled_out = step.outputs.get(RULED_OUT, strong)
        loss_c = complementary_loss(ruled_out, step.forbidden).sum() / len(step.labels)

        total = loss_s + config.lambda_u * loss_u + config.lambda_c * loss_c
        metrics = {
            "labelled loss": loss_s.detach(),
            "unlabelled loss": loss_u.detach(),
            "mask rate": mask.float().mean(),
            "pseudo_labels": class_counts(pseudo_label, mask, q.shape[1]),
        }
        if isinstance(self.threshold, SelfAdaptiveThreshold):
            metrics["threshold"] = self.threshold.tau
        if config.average_clustering:
            averaged = cross_entropy(step.outputs[AVERAGED], pseudo_label)
            loss_ac = masked_mean(averaged, mask, config.reduction)
            total = total + config.lambda_ac * loss_ac
            metrics["clustering loss"] = loss_ac.detach()
            metrics["averaged head distance"] = self.averaged.distance()
        return Losses(total, metrics, Guesses(pseudo_label, mask))

    def stepped(self, network: nn.Module, number: int) -> None:
        """Let the averaged head follow, or start it anew from the head."""
        if not self.config.average_clustering:
            return
        self.averaged.step()
        if number % self.period == 0:
            self.averaged.copy(network.head)  # type: ignore[arg-type]

    def state_dict(self) -> dict[str, Tensor]:
        """The threshold's and the averaged head's."""
        threshold = {f"threshold.{k}": v for k, v in self.threshold.state_dict().items()}
        return threshold | {f"averaged.{k}": v for k, v in self.averaged.state_dict().items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        self.threshold.load_state_dict(part(state, "threshold."))
        self.averaged.load_state_dict(part(state, "averaged."))


class LayerMatch(Method):
    """Labels alone move the classifier; pseudo-labels move the features."""

    Config = LayerMatchConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels."""
        total = configuration.steps(self.config, task)
        objective = LayerMatchObjective(self.config, task.num_classes, total, run.device)
        return steps.train(task, run, self.config, objective)


def period(total: int) -> int:
    """N for a training of `total` steps: the paper's share of its budget, at least 10."""
    return max(SHORTEST_PERIOD, round(PAPER_PERIOD / PAPER_STEPS * total))
