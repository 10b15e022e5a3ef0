"""Multi-head co-training (Chen, Du, Zhang, Qian and Wang, "Semi-Supervised Learning with
Multi-Head Co-Training", AAAI 2022).

Three heads share a body. Each sees strong views of its own, which keeps them different, and learns
of an image what the two others say of its weak view where these agree; no threshold is needed:

    yhat_h  = argmax f_h(a(u_b))
    l_s     = sum_h 1/B sum_b H(y_b, f_h(a(x_b)))
    l_u     = sum_h 1/(mu B) sum_b w_hb H(yhat_i, f_h(A_h(u_b)))            i, j the two other heads
    w_hb    = 1(yhat_i = yhat_j)
    l       = l_s + lambda_u l_u;    prediction: the sum of the heads

Here heads are linear, and one of them is the network's own. The authors give each a last stage of
convolutions, which is dearer. The mean of linear heads is a linear head, so what is kept in the end
is a network like any other, with the logits' mean.

MultiMatch (Sirbu et al., EMNLP 2025, arXiv 2506.07801) is a method for text with three heads. Its
weights are an option, and their use on images is ours: no image result was published. For every
image, head and class an average margin is kept (`training.rules.thresholds.margins`); a head
passes where that of its label is above the cutoff that h has for it. w_hb is 1 where i and j agree
and both pass, 3 where exactly one passes, whose label is then learnt whatever the other says, and 0
otherwise and in the first epoch; and is 0 where neither is above FreeMatch's threshold. MultiMatch
sets lambda_u to 3. In USB's copy every head's threshold moves twice a step, a class without
agreement keeps cutoffs of all later classes from being renewed, and nothing of it is in a
checkpoint; not so here.

Classes that a reader ruled out take no part in yhat, and are ruled out for each head.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sslapp.methods.multi_head.config import MultiHeadConfig
from sslapp.training import configuration
from sslapp.training.loop import schedule, steps
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
from sslapp.training.passes import HEADS, NetworkPasses
from sslapp.training.rules.losses import (
    allowed_probabilities,
    complementary_loss,
    cross_entropy,
    masked_mean,
)
from sslapp.training.rules.thresholds.confidence import SelfAdaptiveThreshold
from sslapp.training.rules.thresholds.margins import AverageMargins
from sslapp.training.run import Run
from sslapp.training.task import Task

FURTHER = ("second", "third")
STRONG = ("strong", *(f"strong {name}" for name in FURTHER))
OTHERS = ((1, 2), (2, 0), (0, 1))
"""Of each head the two that teach it."""

SURE_ALONE = 3.0
"""The weight of an image whose label one head is sure of and the other is not."""


class MultiHeadObjective(Objective):
    """The losses above.

    Args:
        config: the options.
        num_classes: C.
        unlabelled: size of the unlabelled set.
        batch: its images in a step.
        memory: steps that FreeMatch's averages remember.
        device: where the state lives.
        dtype: of the state.
    """

    views: Mapping[str, View] = {"weak": "weak", **dict.fromkeys(STRONG, "strong")}

    def __init__(
        self,
        config: MultiHeadConfig,
        num_classes: int,
        unlabelled: int,
        batch: int,
        *,
        memory: int = 1,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.config = config
        self._classes, self._epoch = num_classes, max(1, unlabelled // batch)
        self.margins: AverageMargins | None = None
        self.thresholds: list[SelfAdaptiveThreshold] = []
        if config.weighting == "apm":
            count = len(STRONG)
            self.margins = AverageMargins(count, unlabelled, num_classes, device, dtype=dtype)
            momentum = 1 - 1 / memory
            self.thresholds = [
                SelfAdaptiveThreshold(momentum, num_classes, device, dtype=dtype)
                for _ in range(count)
            ]

    def heads(self, num_features: int) -> nn.ModuleDict:
        """The second and third classifier."""
        made = nn.ModuleDict({name: nn.Linear(num_features, self._classes) for name in FURTHER})
        for each in made.values():
            nn.init.xavier_normal_(each.weight)  # type: ignore[arg-type]
            nn.init.zeros_(each.bias)  # type: ignore[arg-type]
        return made

    def finished(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The network with the mean of the three heads for its own."""
        kept = super().finished(state)
        for each in ("weight", "bias"):
            further = [state[f"{HEADS}.{name}.{each}"] for name in FURTHER]
            kept[f"head.{each}"] = torch.stack([state[f"head.{each}"], *further]).mean(dim=0)
        return kept

    def forward(self, passes: NetworkPasses, batch: Batch) -> dict[str, Tensor]:
        """One joint pass through the body; (3, n, C) logits of the labelled and weak views by all
        heads, and of each strong view by its own under "strong"."""
        heads = [passes.head, *(passes.heads[name] for name in FURTHER)]
        features = passes.joint_features(batch.views)

        def by_all(name: str) -> Tensor:
            return torch.stack([head(features[name]) for head in heads])

        strong = [head(features[name]) for head, name in zip(heads, STRONG, strict=True)]
        outputs = {
            LABELLED: by_all(LABELLED),
            "weak": by_all("weak"),
            "strong": torch.stack(strong),
        }
        if NONE_OF_THESE in features:
            outputs[NONE_OF_THESE] = by_all(NONE_OF_THESE).mean(dim=0)
        return outputs

    def losses(self, step: TrainingStep) -> Losses:
        """l_s + lambda_u l_u + lambda_c l_c."""
        labelled, strong, weak = (step.logits[name] for name in (LABELLED, "strong", "weak"))
        weak = weak.detach()
        loss_s = sum_of([cross_entropy(z, step.labels).mean() for z in labelled])
        q = torch.stack([allowed_probabilities(z, step.forbidden) for z in weak])  # (3, mu B, C)
        targets, weights = self.taught(q, weak, step)
        loss_u = sum_of(
            [
                masked_mean(cross_entropy(z, target), weight, self.config.reduction)
                for z, target, weight in zip(strong, targets, weights, strict=True)
            ]
        )
        ruled_out = [complementary_loss(z, step.forbidden).sum() for z in strong]
        loss_c = sum_of(ruled_out) / len(step.labels)
        total = loss_s + self.config.lambda_u * loss_u + self.config.lambda_c * loss_c
        taught = weights > 0
        counts = [class_counts(*each, q.shape[2]) for each in zip(targets, taught, strict=True)]
        metrics = {
            "labelled loss": loss_s.detach(),
            "unlabelled loss": loss_u.detach(),
            "mask rate": taught.float().mean(),
            "pseudo_labels": torch.stack(counts).mean(dim=0),
        }
        return Losses(total, metrics, _taken_for(targets, taught, q.shape[2]))

    def taught(self, q: Tensor, weak: Tensor, step: TrainingStep) -> tuple[Tensor, Tensor]:
        """(3, mu B) labels and weights of what each head is taught; moves the state."""
        labels = q.argmax(dim=2)
        if self.margins is None:
            first, second = ([labels[pair[place]] for pair in OTHERS] for place in (0, 1))
            return torch.stack(first), torch.stack(first) == torch.stack(second)
        epoch = step.number // self._epoch
        if step.number and step.number % self._epoch == 0:
            self.margins.renew()
        allowed = weak.masked_fill(step.forbidden, torch.finfo(weak.dtype).min / 4)
        average = self.margins.update(allowed, labels, step.rows, epoch)
        own = average.gather(2, labels[..., None])[..., 0]  # (3, mu B), of each head's own label
        above = [
            rule.select(each, step.rows) for rule, each in zip(self.thresholds, q, strict=True)
        ]
        pairs = [
            self._by_margins(head, labels, own, torch.stack(above)) for head in range(len(OTHERS))
        ]
        targets, weights = (torch.stack(each) for each in zip(*pairs, strict=True))
        return targets, weights * (epoch > 0)

    def _by_margins(
        self, head: int, labels: Tensor, own: Tensor, above: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(mu B,) labels and weights for one head."""
        assert self.margins is not None
        i, j = OTHERS[head]
        cutoffs = self.margins.cutoffs[head]
        passes_i, passes_j = own[i] >= cutoffs[labels[i]], own[j] >= cutoffs[labels[j]]
        alike = (labels[i] == labels[j]) & passes_i & passes_j
        weight = alike + SURE_ALONE * (passes_i ^ passes_j)
        return torch.where(passes_i, labels[i], labels[j]), weight * (above[i] | above[j])

    def state_dict(self) -> dict[str, Tensor]:
        """The margins' and the thresholds'."""
        if self.margins is None:
            return {}
        state = {f"margins.{name}": value for name, value in self.margins.state_dict().items()}
        for number, rule in enumerate(self.thresholds):
            state |= {f"threshold {number}.{k}": v for k, v in rule.state_dict().items()}
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        if self.margins is not None:
            self.margins.load_state_dict(part(state, "margins."))
        for number, rule in enumerate(self.thresholds):
            rule.load_state_dict(part(state, f"threshold {number}."))


class MultiHead(Method):
    """Three classifiers on one network, each taught by the two others."""

    Config = MultiHeadConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels."""
        config = self.config
        objective = MultiHeadObjective(
            config,
            task.num_classes,
            len(task.pool) + len(task.labelled),
            configuration.filled(config).batch_size * config.unlabelled_ratio,
            memory=schedule.memory(configuration.steps(config, task)),
            device=run.device,
        )
        return steps.train(task, run, config, objective)


def _taken_for(targets: Tensor, taught: Tensor, num_classes: int) -> Guesses:
    """The class that most heads are taught of each image, and the share of heads that are.

    Args:
        targets: (3, mu B) int64 classes.
        taught: (3, mu B) bool.
        num_classes: C.
    """
    votes = torch.zeros(targets.shape[1], num_classes, device=targets.device)
    votes.scatter_add_(1, targets.T, taught.T.float())
    most = votes.max(dim=1)
    return Guesses(most.indices, most.values / len(targets))


def sum_of(scalars: list[Tensor]) -> Tensor:
    """Their sum."""
    return torch.stack(scalars).sum()
