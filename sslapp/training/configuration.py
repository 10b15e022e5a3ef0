"""The options that every gradient-step method has, and what "automatic" means."""

from typing import Literal

from pydantic import Field

from sslapp.training.batches import Sampling
from sslapp.training.method import MethodConfig
from sslapp.training.task import Task

NetworkName = Literal["small-cnn", "wrn-28-2", "wrn-28-8"]


class TrainingConfig(MethodConfig):
    """Network, length, batches and optimiser of one training."""

    network: NetworkName = Field(
        "small-cnn",
        description="Network: the small CNN for a CPU, the wide ResNets for a GPU.",
    )
    steps: int = Field(
        0, ge=0, le=2**20, description="Optimiser steps; 0 chooses by the number of images."
    )
    batch_size: int = Field(32, ge=2, le=1024, description="Labelled images in a batch.")
    learning_rate: float = Field(0.03, gt=0, le=10, description="Highest learning rate of SGD.")
    weight_decay: float = Field(5e-4, ge=0, le=1, description="Decay of weights, not of biases.")
    flip: bool = Field(
        False,
        description="Mirror images left to right; wrong for digits, letters and body sides.",
    )
    labelled_batches: Sampling = Field(
        "natural", description="Draw labelled images as they are, or all classes equally often."
    )
    expert_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Least share of a batch that comes from labels a reader gave one by one.",
    )


class ConsistencyConfig(TrainingConfig):
    """The options of methods that compare views of unlabelled images."""

    unlabelled_ratio: int = Field(
        4, ge=1, le=64, description="Unlabelled images in a batch for every labelled one (mu)."
    )
    augmentation: Literal["fixmatch", "usb", "usb-medical", "geometric"] = Field(
        "geometric", description="Policy of the strong views."
    )


def steps(config: TrainingConfig, task: Task) -> int:
    """The number of optimiser steps of a training on this task."""
    return config.steps or (500 if len(task.labels) < 5000 else 1000)
