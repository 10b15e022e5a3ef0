"""Building, normalising for and evaluating a network on a task's images."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

import models
from sslapp.training.augmentation import normalise
from sslapp.training.run import Run
from sslapp.training.task import Indices, Pixels, Task, pixels_of

STATISTICS_ROWS = 10_000
EVALUATION_BATCH = 512


def build(name: str, *, num_classes: int, channels: int, size: int, seed: int) -> nn.Module:
    """The network `name` with weights drawn from `seed`.

    Raises:
        ValueError: for a name that is not in models.NETWORKS.
    """
    if name not in models.NETWORKS:
        raise ValueError(f'network: "{name}" is unknown; use one of {", ".join(models.NETWORKS)}.')
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return models.NETWORKS[name](num_classes, channels, size)


def remember(network: nn.Module, steps: int) -> None:
    """Let running statistics average over `steps` batches.

    EMA weights lag behind the student by their memory; statistics with the same memory lag
    equally, which is why copied buffers fit averaged weights.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1 / steps


def statistics(task: Task, run: Run) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of a channel over training images, in 0..1.

    Taken from at most 10,000 rows of `labelled` and `pool`, so that rows outside the task's
    parts have no influence and a large set is not read twice.

    Returns:
        (C,) and (C,) float32 on the CPU.
    """
    pixels = pixels_of(task)
    rows = np.sort(np.concatenate([task.labelled, task.pool]))
    order = torch.randperm(len(rows), generator=run.generator("statistics", device="cpu")).numpy()
    rows = np.sort(rows[order[:STATISTICS_ROWS]])
    total = torch.zeros(2, pixels.shape[1], dtype=torch.float64)
    for start in range(0, len(rows), EVALUATION_BATCH):
        images = pixels.take(rows[start : start + EVALUATION_BATCH]).double() / 255
        total[0] += images.mean(dim=(2, 3)).sum(dim=0)
        total[1] += images.square().mean(dim=(2, 3)).sum(dim=0)
    mean, square = total / len(rows)
    deviation = torch.sqrt(torch.clamp(square - mean.square(), min=1e-4))  # at least 0.01
    return mean.float(), deviation.float()


def evaluate(
    network: nn.Module,
    state: Mapping[str, Tensor],
    pixels: Pixels,
    indices: Indices,
    *,
    mean: Tensor,
    std: Tensor,
    features: bool = False,
) -> Tensor:
    """Logits or features of clean images with the weights `state`, in evaluation mode.

    float32 throughout: these are the numbers that readers see and thresholds are applied to.

    Returns:
        (n, C) or (n, D) float32 on the CPU.
    """
    device = next(iter(state.values())).device
    target = _FeaturesOf(network) if features else network
    prefix = "network." if features else ""
    named = {f"{prefix}{name}": value for name, value in state.items()}
    training = network.training
    network.eval()
    results = []
    with torch.inference_mode():
        for start in range(0, len(indices), EVALUATION_BATCH):
            images = pixels.take(indices[start : start + EVALUATION_BATCH]).to(device)
            x = normalise(images, mean.tolist(), std.tolist()).contiguous(
                memory_format=torch.channels_last
            )
            results.append(torch.func.functional_call(target, named, (x,)).float().cpu())
    network.train(training)
    if results:
        return torch.cat(results).clone()
    empty = np.zeros(1, dtype=np.int64)
    one = evaluate(network, state, pixels, empty, mean=mean, std=std, features=features)
    return one[:0]


class _FeaturesOf(nn.Module):
    """functional_call only calls forward; this makes it call `features`."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network.features(images)  # type: ignore[operator]
