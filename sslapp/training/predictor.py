"""Fitted methods as files: networks and linear classifiers that score any row."""

import copy
import json
from pathlib import Path
from typing import Any, Self

import safetensors.torch
import torch
from torch import Tensor, nn

from sslapp import durable
from sslapp.training import networks
from sslapp.training.method import Predictor
from sslapp.training.standardisation import Standardisation
from sslapp.training.task import Features, Indices, Pixels

WEIGHTS = "predictor.safetensors"
DESCRIPTION = "predictor.json"


class NetworkPredictor(Predictor):
    """A network of models.NETWORKS with averaged weights and its normalisation.

    Args:
        name: in models.NETWORKS.
        shape: (C, S, S) of the images.
        num_classes: number of logits.
        state: the network's state dict.
        mean, std: float32 of each channel that the network sees, for images in 0..1; three of grey
            images where it is a pre-trained one.
    """

    def __init__(
        self,
        *,
        name: str,
        shape: tuple[int, int, int],
        num_classes: int,
        state: dict[str, Tensor],
        mean: Tensor,
        std: Tensor,
    ) -> None:
        self.name = name
        self.shape = shape
        self.num_classes = num_classes
        # as in training: kernels and so the last digits depend on how weights lie in memory
        self._state = {name: _channels_last(value) for name, value in state.items()}
        self._mean = mean
        self._std = std
        self._network = networks.build(
            name, num_classes=num_classes, channels=len(mean), size=shape[1], seed=0
        ).to(memory_format=torch.channels_last)

    @property
    def state(self) -> dict[str, Tensor]:
        """The averaged weights and running statistics by name."""
        return dict(self._state)

    @property
    def normalisation(self) -> dict[str, list[float]]:
        """Mean and standard deviation of a channel of images in 0..1."""
        return {"mean": self._mean.tolist(), "std": self._std.tolist()}

    def logits(self, source: Pixels | Features, indices: Indices) -> Tensor:
        """Return (n, C) float32 on the CPU.

        Raises:
            ValueError: when the source holds no images of the trained shape.
        """
        return self._evaluate(source, indices, features=False)

    def embed(self, source: Pixels | Features, indices: Indices) -> Tensor:
        """Return (n, D) float32 on the CPU: what the classifier sees of each image."""
        return self._evaluate(source, indices, features=True)

    def module(self) -> nn.Module:
        """Images in [0, 1] -> logits."""
        network = copy.deepcopy(self._network)
        network.load_state_dict(self._state, strict=False)  # some states leave counters out
        return NormalisedNetwork(network.cpu().eval(), self._mean, self._std)

    def _evaluate(self, source: Pixels | Features, indices: Indices, *, features: bool) -> Tensor:
        if tuple(source.shape[1:]) != self.shape:
            raise ValueError(
                f"source: rows of shape {tuple(source.shape[1:])}, but the network was trained on "
                f"images of shape {self.shape}; give it the pixels of its own project."
            )
        pixels: Pixels = source  # type: ignore[assignment]
        return networks.evaluate(
            self._network,
            self._state,
            pixels,
            indices,
            mean=self._mean,
            std=self._std,
            features=features,
        )

    def save(self, folder: Path) -> None:
        """Write weights and description below `folder`."""
        description = {
            "kind": "network",
            "network": self.name,
            "shape": list(self.shape),
            "num_classes": self.num_classes,
        }
        tensors = {**self._state, "normalise.mean": self._mean, "normalise.std": self._std}
        write(folder, description, tensors)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote, onto the CPU.

        Raises:
            ValueError: when the folder describes another kind of predictor or network.
        """
        description, tensors = read(folder, "network")
        channels, height, width = description["shape"]
        return cls(
            name=description["network"],
            shape=(channels, height, width),
            num_classes=description["num_classes"],
            mean=tensors.pop("normalise.mean"),
            std=tensors.pop("normalise.std"),
            state=tensors,
        )


class NormalisedNetwork(nn.Module):
    """A network behind the normalisation that it was trained with.

    Args:
        network: (n, C, S, S) normalised images -> (n, K).
        mean, std: (C,) of images in 0..1.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", mean.cpu().view(1, -1, 1, 1))
        self.register_buffer("std", std.cpu().view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, K) for images in [0, 1]."""
        return self.network((images - self.mean) / self.std)


def _channels_last(tensor: Tensor) -> Tensor:
    if tensor.ndim != 4:
        return tensor
    # `contiguous` leaves kernels of one pixel as they are, whose strides then choose other kernels
    return torch.empty_like(tensor, memory_format=torch.channels_last).copy_(tensor)


class LinearPredictor(Predictor):
    """Logits that are linear in standardised features.

    Args:
        weight: (C, D) float32.
        bias: (C,) float32.
        mean, std: (D,) float32 of the features.
    """

    def __init__(self, *, weight: Tensor, bias: Tensor, mean: Tensor, std: Tensor) -> None:
        self._tensors = {"weight": weight, "bias": bias, "mean": mean, "std": std}

    def logits(self, source: Pixels | Features, indices: Indices) -> Tensor:
        """Return (n, C) float32."""
        tensors = self._tensors
        x = Standardisation(tensors["mean"], tensors["std"])(source.take(indices))  # (n, D)
        return x @ tensors["weight"].T + tensors["bias"]

    def module(self) -> nn.Module:
        """Features -> logits."""
        return StandardisedLinear(**self._tensors)

    def save(self, folder: Path) -> None:
        """Write the four tensors and a description below `folder`."""
        write(folder, {"kind": "linear"}, self._tensors)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ValueError: when the folder describes another kind of predictor.
        """
        return cls(**read(folder, "linear")[1])


class StandardisedLinear(nn.Module):
    """W (x - mean) / std + b.

    Args:
        weight: (C, D) float32.
        bias: (C,) float32.
        mean, std: (D,) float32.
    """

    weight: Tensor
    bias: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, *, weight: Tensor, bias: Tensor, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        for name, value in (("weight", weight), ("bias", bias), ("mean", mean), ("std", std)):
            self.register_buffer(name, value.detach().cpu())

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, C) for (n, D)."""
        return nn.functional.linear((x - self.mean) / self.std, self.weight, self.bias)


def write(folder: Path, description: dict[str, object], tensors: dict[str, Tensor]) -> None:
    """Write a predictor: tensors first, so that a description never stands without them."""
    plain = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
    durable.write_bytes(folder / WEIGHTS, safetensors.torch.save(plain))
    durable.write_bytes(folder / DESCRIPTION, json.dumps(description, indent=2).encode())


def read(folder: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a predictor's description and tensors.

    Raises:
        ValueError: when it is of another kind than `kind`.
    """
    description = json.loads((folder / DESCRIPTION).read_text())
    if description.get("kind") != kind:
        raise ValueError(
            f'{folder / DESCRIPTION}: kind is "{description.get("kind")}", expected "{kind}". '
            "Load the predictor with the method of the round that wrote it."
        )
    return description, safetensors.torch.load_file(folder / WEIGHTS)
