"""What a gradient-step method declares: the views it wants and the losses it takes on them.

`training.loop` does the rest. An objective holds the state of one fit (thresholds, averages);
a method holds options only and makes a new objective for every fit.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sslapp.training.passes import HEADS, NetworkPasses
from sslapp.training.task import Task

View = Literal["weak", "medium", "strong"]
LABELLED = "labelled"
NONE_OF_THESE = "none of these"
"""Names of views beside those that an objective declares."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One step's images: B labelled, n unlabelled, and perhaps m that no class fits.

    Attributes:
        views: per view (B, n or m, ...): "labelled" first, then further views of the labelled
            images, those of the unlabelled ones, and "none of these" where there are any.
        labels: (B,) int64.
        rows: (n,) int64 numbers in the unlabelled set, 0 .. its size - 1.
        forbidden: (n, C) bool; the classes that readers ruled out for the unlabelled images.
    """

    views: Mapping[str, Tensor]
    labels: Tensor
    rows: Tensor
    forbidden: Tensor


@dataclass(frozen=True, kw_only=True)
class TrainingStep:
    """Everything a loss may use at one step. B labelled and n unlabelled images, C classes.

    Attributes:
        number: k, from 0.
        total: K.
        labels: (B,) int64 classes of the labelled images.
        logits: float32 (float64 where that came), per view that `Objective.forward` returned
            under its name: "labelled" (B, C), declared views (n, C).
        outputs: whatever else it returned, by its own names.
        forbidden: (n, C) bool; the classes that readers ruled out for the unlabelled images.
        rows: (n,) int64 numbers of the images in the unlabelled set, 0 .. its size - 1.
    """

    number: int
    total: int
    labels: Tensor
    logits: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    forbidden: Tensor
    rows: Tensor


@dataclass(frozen=True)
class Guesses:
    """What a method takes a step's unlabelled images for; those whose labels are known tell how
    often it is right, which the loop reports and the method does not see.

    Attributes:
        classes: (n,) int64.
        weight: (n,) bool or in [0, 1]; how much each counts.
    """

    classes: Tensor
    weight: Tensor


@dataclass(frozen=True)
class Losses:
    """The scalar to minimise, and what to report, kept on the device until then.

    A metric is a scalar, or a vector that is reported entry by entry as "name/0", "name/1", ...
    """

    total: Tensor
    metrics: Mapping[str, Tensor]
    guesses: Guesses | None = None


def class_counts(pseudo_labels: Tensor, mask: Tensor, num_classes: int) -> Tensor:
    """(C,) float32: how many confident pseudo-labels each class got; nothing leaves the device.

    Args:
        pseudo_labels: (n,) int64 classes.
        mask: (n,) bool, which of them count.
        num_classes: C.
    """
    counts = torch.zeros(num_classes, device=mask.device)
    return counts.scatter_add_(0, pseudo_labels, mask.float())


def part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """What of a state has a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


class Objective(ABC):
    """Views and losses of one method in one fit.

    Attributes:
        views: the views of every unlabelled image, name -> weak, medium or strong; empty for a
            method without unlabelled images.
        labelled_views: the same of every labelled image, beside the one called "labelled".
    """

    views: Mapping[str, View] = {}
    labelled_views: Mapping[str, View] = {}

    @abstractmethod
    def losses(self, step: TrainingStep) -> Losses:
        """The loss of one step; gradients flow wherever it does not detach."""

    def forward(self, passes: NetworkPasses, batch: Batch) -> dict[str, Tensor]:
        """Run the network on all views at once and return logits under the views' names.

        One joint batch means one set of batch statistics for labelled, weak and strong images;
        separate passes would be another method. An objective that needs more (features, a teacher,
        images that are mixed or moved before the network sees them) overrides this and returns it
        under further names; nowhere else is a network run. Images that are none of the classes
        come as a view of their own where there are any, and their logits are returned as well.
        """
        return passes.joint(batch.views)

    def begun(self, task: Task, device: torch.device) -> None:
        """Take from the task what the losses need beside batches; before the first step."""
        return

    def pictures(self, passes: NetworkPasses, views: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Images that it makes of views itself (mixed, moved), for who watches the training.

        It moves no state. None by default.

        Args:
            passes: of the step that was taken last.
            views: of a few unlabelled images, as the network is given them.

        Returns:
            (n, ...) images as the network is given them, by what they are.
        """
        return {}

    def heads(self, num_features: int) -> nn.ModuleDict | None:
        """Modules that learn beside the network's own head and are left behind in the end.

        Args:
            num_features: length of the features that they are given.
        """
        return None

    def finished(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """What of the averaged weights predicts: those of the network, its `heads` left out."""
        return {name: value for name, value in state.items() if not name.startswith(f"{HEADS}.")}

    def stepped(self, network: nn.Module, number: int) -> None:
        """Called after the optimiser's step `number`, with the gradients still in place."""
        return

    def state_dict(self) -> dict[str, Tensor]:
        """State that a checkpoint must keep, by name."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        return
