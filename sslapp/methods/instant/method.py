"""InstanT (Li, Wu, Han, Liu, Sugiyama and Liu, "InstanT: Semi-supervised Learning with
Instance-dependent Thresholds", NeurIPS 2023).

T(u)_ij = P(pseudo-label j | class i, u) is estimated while the network learns. It corrects the loss
forwards, and raises the threshold of an image whose pseudo-label it doubts. With q_b aligned as in
`adamatch`, y = argmax q_b and q_(2) its second largest entry, from a first stage on:

    tau(u_b) = tau mean_b max q_b + T_yy q_(2) + sum_(j != y) T_jy q_j,   at most .99
    l_u      = 1/(mu B) sum_b 1(max q_b >= tau(u_b)) -log (p(A(u_b)) T(u_b))_y

and before it tau(u_b) = tau mean max q_b and l_u is the cross-entropy. T(u) is the softmax of each
row of g(u) + s I. The authors train another ResNet-18 for g; here it is a linear head on the
features of the weak view, which it does not move. transition = class is what their configurations
run: one T = rows of s I + sigmoid(w) off the diagonal, made to sum to 1, with an SGD of its own.

Faults of their code (tmllab/2023_NeurIPS_InstanT at 8568c01) that are mended: it stops at the end
of the first stage, for a sum that is never begun; and T learns by a backward pass whose gradients
stay in the network, which so gets that of l_u twice. One is kept as the variant "official": q is
softmax(q / .5) in tau(u), a softmax of probabilities, whose largest entry is at most .45 for ten
classes.

The first stage is 10,240 of 2^20 steps there, and a share of the run here. Classes that a reader
ruled out are treated as in `fixmatch`.
"""

import torch
from torch import Tensor, nn

from sslapp.methods.instant.config import InstanTConfig
from sslapp.methods.threshold.objective import ThresholdObjective
from sslapp.training import configuration
from sslapp.training.loop import schedule, steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import LABELLED, Batch, TrainingStep, part
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules.alignment.moving import MovingAlignment
from sslapp.training.rules.losses import allowed_probabilities
from sslapp.training.rules.thresholds.relative_threshold import RelativeThreshold
from sslapp.training.rules.thresholds.transition import (
    ClassTransition,
    doubt,
    forward_corrected,
    of_logits,
)
from sslapp.training.run import Run
from sslapp.training.task import Task

TRANSITION = "transition"
HIGHEST = 0.99
OFFICIAL_TEMPERATURE = 0.5


class InstanTObjective(ThresholdObjective):
    """The loss above.

    Args:
        config: the options.
        total: K, of which the first stage is a share.
        alignment: with its averages at their start.
        one: T for all images, or None for one each.
    """

    config: InstanTConfig

    def __init__(
        self,
        config: InstanTConfig,
        total: int,
        alignment: MovingAlignment,
        one: ClassTransition | None = None,
    ) -> None:
        self.moving, self.one = alignment, one
        self.relative = RelativeThreshold(config.tau)
        self.first_stage = round(config.first_stage * total)
        super().__init__(config, self.relative, alignment)

    def heads(self, num_features: int) -> nn.ModuleDict | None:
        """g, which says nothing at first."""
        if self.one is not None:
            return None
        made = nn.Linear(num_features, self.moving.target.numel() ** 2)
        nn.init.zeros_(made.weight)
        nn.init.zeros_(made.bias)
        return nn.ModuleDict({TRANSITION: made})

    def forward(self, passes: NetworkPasses, batch: Batch) -> dict[str, Tensor]:
        """One joint pass, and g of the weak views' features."""
        if self.one is not None:
            return super().forward(passes, batch)
        features = passes.joint_features(batch.views)
        outputs = {name: passes.head(each) for name, each in features.items()}
        return {**outputs, TRANSITION: passes.heads[TRANSITION](features["weak"].detach())}

    def transition(self, step: TrainingStep) -> Tensor:
        """T, (C, C) or (mu B, C, C)."""
        if self.one is not None:
            return self.one()
        return of_logits(step.outputs[TRANSITION], self.config.scale)

    def predictions(self, step: TrainingStep) -> Tensor:
        """q; moves the averages and the threshold."""
        self.moving.follow(torch.softmax(step.logits[LABELLED].detach(), dim=1))
        q = super().predictions(step)
        self.relative.relate(q)
        return q

    def weights(self, q: Tensor, step: TrainingStep) -> Tensor:
        """1(max q_b >= tau(u_b))."""
        if step.number < self.first_stage:
            return super().weights(q, step)
        limits = self.relative.limit + doubt(self.doubted(q, step), self.transition(step).detach())
        return q.max(dim=1).values >= limits.clamp(max=HIGHEST)

    def doubted(self, q: Tensor, step: TrainingStep) -> Tensor:
        """What of q the threshold rises by."""
        if self.config.variant == "paper":
            return q
        return allowed_probabilities(q / OFFICIAL_TEMPERATURE, step.forbidden)

    def consistency(self, step: TrainingStep, q: Tensor) -> Tensor:
        """-log (p(A(u_b)) T(u_b))_y."""
        if step.number < self.first_stage:
            return super().consistency(step, q)
        return forward_corrected(step.logits["strong"], self.targets(q), self.transition(step))

    def stepped(self, network: nn.Module, number: int) -> None:
        """Let the one T follow its gradient."""
        if self.one is not None:
            self.one.step()

    def state_dict(self) -> dict[str, Tensor]:
        """The averages', and the one T's."""
        state = super().state_dict()
        if self.one is not None:
            state |= {f"{TRANSITION}.{k}": v for k, v in self.one.state_dict().items()}
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        super().load_state_dict(state)
        if self.one is not None:
            self.one.load_state_dict(part(state, f"{TRANSITION}."))


class InstanT(Method):
    """A threshold for every image, by how likely its pseudo-label is wrong."""

    Config = InstanTConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels."""
        return steps.train(task, run, self.config, objective(self.config, task, run.device))


def objective(config: InstanTConfig, task: Task, device: torch.device) -> InstanTObjective:
    """The objective of one fit."""
    total, classes = configuration.steps(config, task), task.num_classes
    alignment = MovingAlignment(classes, 1 - 1 / schedule.memory(total), device)
    one = None
    if config.transition == "class":
        one = ClassTransition(
            classes, scale=config.scale, rate=config.transition_rate, device=device
        )
    return InstanTObjective(config, total, alignment, one)
