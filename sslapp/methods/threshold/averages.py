"""How long the averages of a method with thresholds remember, and its alignment."""

import torch

from sslapp.methods.threshold.config import Alignment, AveragingConfig
from sslapp.training import configuration
from sslapp.training.configuration import TrainingConfig
from sslapp.training.loop import schedule
from sslapp.training.rules.alignment.distribution import DistributionAlignment, frequencies
from sslapp.training.task import Task


def remembering(config: TrainingConfig, task: Task) -> float:
    """The decay of an average that remembers a tenth of the run."""
    return 1 - 1 / schedule.memory(configuration.steps(config, task))


def momentum(config: AveragingConfig, task: Task) -> float:
    """The decay that the options name."""
    return config.momentum or remembering(config, task)


def alignment(
    kind: Alignment,
    config: TrainingConfig,
    task: Task,
    device: torch.device,
    *,
    from_first: bool = False,
) -> DistributionAlignment | None:
    """The alignment that the options name, or None; its average remembers a tenth of the run."""
    if kind == "none":
        return None
    target = frequencies(kind, task, device)
    return DistributionAlignment(target, remembering(config, task), from_first=from_first)
