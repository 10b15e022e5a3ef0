"""Encoders as modules that can be traced, and as files of a model package.

A module maps (n, C, S, S) float32 images in [0, 1] to (n, D) vectors, the same as the encoder's own
map of 8-bit images up to rounding.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from sslapp import durable
from sslapp.embedding.encoder import Encoder, Vectors
from sslapp.embedding.encoders import open_encoder
from sslapp.embedding.pixels_encoder import LARGEST_SIDE, PixelVectors
from sslapp.embedding.pretrained import PretrainedEncoder

COMPONENTS, PRETRAINED = "components", "pretrained"


class ComponentsModule(nn.Module):
    """Main components of pixels.

    Args:
        mean: (F,) float32.
        axes: (K, F) float32.
        scale: () float32.
        side: S of the images.
    """

    mean: Tensor
    axes: Tensor
    scale: Tensor
    average: Tensor | None

    def __init__(self, *, mean: Tensor, axes: Tensor, scale: Tensor, side: int) -> None:
        super().__init__()
        self.tensors = {"mean": mean, "axes": axes, "scale": scale}
        for name, value in self.tensors.items():
            self.register_buffer(name, value)
        self.register_buffer("average", averaging(side) if side > LARGEST_SIDE else None)

    @classmethod
    def of(cls, vectors: PixelVectors, side: int) -> "ComponentsModule":
        """The map of the encoder "pixels"."""
        mean, axes = (
            torch.from_numpy(np.ascontiguousarray(each, dtype=np.float32))
            for each in (vectors.components.mean, vectors.components.axes)
        )
        return cls(mean=mean, axes=axes, scale=torch.tensor(vectors.scale), side=side)

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, K)."""
        if self.average is not None:
            images = self.average @ images @ self.average.T
        rows = images.permute(0, 2, 3, 1).flatten(1)  # pixel by pixel, as the encoder has them
        return functional.linear(rows - self.mean, self.axes) * self.scale


class PretrainedModule(nn.Module):
    """A pretrained encoder behind what makes images of one side fit to it.

    Args:
        encoder: the encoder, in float32.
        side: S of the images.
    """

    resize: Tensor | None

    def __init__(self, encoder: PretrainedEncoder, side: int) -> None:
        super().__init__()
        self._encoder = encoder
        own = encoder.side
        self.register_buffer("resize", None if side == own else resizing(side, own))

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, D)."""
        x = torch.cat([images, images, images], dim=1) if images.shape[1] == 1 else images
        if self.resize is not None:
            x = (self.resize @ x @ self.resize.T).clamp(0, 1)  # bicubic overshoots at edges
        x = self._encoder.normalised(x.to(self._encoder.device))
        x = x.contiguous(memory_format=torch.channels_last)
        return self._encoder.features(x).float().cpu()


def averaging(side: int) -> Tensor:
    """(LARGEST_SIDE, side) float32: the means over strips of rows that `pixels` takes."""
    edges = np.arange(LARGEST_SIDE + 1) * side // LARGEST_SIDE
    weights = torch.zeros(LARGEST_SIDE, side)
    for row, (first, end) in enumerate(pairwise(edges.tolist())):
        weights[row, first:end] = 1 / (end - first)
    return weights


def resizing(side: int, own: int) -> Tensor:
    """(own, side) float32: bicubic resampling with antialiasing of a column of pixels.

    It is linear and works on rows and columns apart, so the columns of the matrix are what becomes
    of single pixels; ONNX has no operator that rounds like torch's.
    """
    # two columns alike: torch takes images of one column for another memory layout than they have
    single = torch.eye(side).view(1, side, side, 1).expand(-1, -1, -1, 2).contiguous()
    columns = functional.interpolate(
        single, (own, 2), mode="bicubic", align_corners=False, antialias=True
    )
    return columns[0, :, :, 0].T.contiguous()


def module_of(encoder: Encoder, vectors: Vectors, side: int) -> nn.Module:
    """The module of a fitted encoder for images of one side.

    Raises:
        ValueError: when this encoder has none.
    """
    if isinstance(vectors, PixelVectors):
        return ComponentsModule.of(vectors, side)
    if isinstance(encoder, PretrainedEncoder):
        return PretrainedModule(encoder, side)
    raise ValueError(
        f'The encoder "{encoder.name}" has no form outside of sslapp. Embed by another encoder, '
        "train a round on it and export that one."
    )


def save(
    module: nn.Module, name: str, side: int, folder: Path, weights: Path | None
) -> dict[str, Any]:
    """Write an encoder below `folder` and return how `load` finds it again, as JSON.

    Args:
        module: of `module_of`.
        name: of the encoder.
        side: S of the images.
        weights: the file of weights that it was opened with, if it was one; it is copied.
    """
    stem = re.sub(r"[^\w.-]", "_", name)
    kind = COMPONENTS if isinstance(module, ComponentsModule) else PRETRAINED
    described: dict[str, Any] = {"name": name, "kind": kind, "side": side, "weights": None}
    if isinstance(module, ComponentsModule):
        described["weights"] = f"{stem}.safetensors"
        durable.write_bytes(folder / described["weights"], safetensors.torch.save(module.tensors))
    elif weights is not None and weights.is_file():
        described["weights"] = f"{stem}{weights.suffix}"
        for path in (weights, weights.with_suffix(".json")):
            if path.is_file():
                durable.write_bytes(folder / f"{stem}{path.suffix}", path.read_bytes())
    return described


def load(described: Mapping[str, Any], folder: Path) -> nn.Module:
    """The module that `save` wrote.

    Raises:
        ValueError: when the encoder is not installed here or its file is damaged, with the mend.
    """
    file = None if described["weights"] is None else folder / str(described["weights"])
    side = int(described["side"])
    if described["kind"] == COMPONENTS:
        assert file is not None
        return ComponentsModule(**safetensors.torch.load_file(file), side=side)
    encoder = open_encoder(str(described["name"]), file)
    assert isinstance(encoder, PretrainedEncoder)
    return PretrainedModule(encoder, side)
