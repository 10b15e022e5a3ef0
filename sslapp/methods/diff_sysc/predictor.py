"""A fitted label denoiser: it samples a label vector for any row of a feature source."""

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.label_diffusion import LabelDenoiser
from sslapp.methods.diff_sysc.diffusion import Schedule, alpha_bars, sample
from sslapp.methods.diff_sysc.directions import directions, of_length_1
from sslapp.methods.diff_sysc.image_encoder import ImageEncoder
from sslapp.training import predictor
from sslapp.training.method import Predictor
from sslapp.training.task import Features, Indices, Pixels

ROWS, ROWS_OF_IMAGES = 4096, 512


class DenoisedLabels(nn.Module):
    """Deterministic samples of a label denoiser that sees features alone.

    Args:
        network: in evaluation mode.
        mean: (D,) of the features, see `directions`.
        bars: (T,) float32 of the forward process.
        steps: of the sampling.
        temperature: by which label vectors are divided.
    """

    mean: Tensor
    bars: Tensor

    def __init__(
        self, network: LabelDenoiser, mean: Tensor, bars: Tensor, steps: int, temperature: float
    ) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", mean)
        self.register_buffer("bars", bars)
        self._steps, self._temperature = steps, temperature

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, C) float32 for (n, D) features."""
        share, encoding = self.network.condition(of_length_1(x - self.mean))

        def noise(y: Tensor, t: int) -> Tensor:
            times = torch.zeros_like(y[:, 0], dtype=torch.int64) + t
            found: Tensor = self.network.denoise(y, times, share, encoding)
            return found

        # of the width of the classes and the length of the batch, which a traced graph leaves open
        allowed = torch.ones_like(self.network.head(share))
        return sample(noise, allowed, self.bars, steps=self._steps) / self._temperature


class LabelDiffusionPredictor(Predictor):
    """Deterministic samples of a label denoiser.

    Args:
        state: the denoiser's state dict.
        mean: (D,) of the features, see `directions`.
        num_classes: C.
        width: of its hidden layers.
        diffusion: schedule of the forward process.
        steps: of the sampling.
        temperature: tau, by which label vectors are divided.
        encoder: of the images of the same rows, if it was trained with one.
    """

    def __init__(
        self,
        *,
        state: dict[str, Tensor],
        mean: Tensor,
        num_classes: int,
        width: int,
        diffusion: Schedule,
        steps: int,
        temperature: float,
        encoder: ImageEncoder | None = None,
    ) -> None:
        self._description: dict[str, object] = {
            "kind": "label-diffusion",
            "num_classes": num_classes,
            "width": width,
            "diffusion": diffusion,
            "steps": steps,
            "temperature": temperature,
        }
        if encoder is not None:
            self._description |= {"network": encoder.network, "shape": list(encoder.shape)}
        self._state, self._mean = state, mean.cpu()
        self._device = next(iter(state.values())).device
        self._encoder = encoder
        self._network = LabelDenoiser(
            num_classes,
            len(mean),
            width=width,
            encoder=None if encoder is None else encoder.build(width, seed=0),
        ).to(self._device)
        self._network.load_state_dict(state)
        self._network.eval()
        self._bars = alpha_bars(diffusion).float().to(self._device)
        self._num_classes, self._steps, self._temperature = num_classes, steps, temperature

    def labels(
        self,
        source: Pixels | Features,
        indices: Indices,
        *,
        forbidden: NDArray[np.bool_] | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> Tensor:
        """Return (n, C) float32 label vectors on the CPU.

        Args:
            source: (N, D) features.
            indices: (n,) rows.
            forbidden: (n, C); the others are sampled given that it is none of these.
            check: called now and then; may raise to stop.

        Raises:
            ValueError: when it looks at images and has none.
        """
        size = ROWS if self._encoder is None else ROWS_OF_IMAGES
        parts = [torch.zeros(0, self._num_classes)]
        with torch.inference_mode():
            for start in range(0, len(indices), size):
                check()
                rows = indices[start : start + size]
                allowed = torch.ones(len(rows), self._num_classes)
                if forbidden is not None:
                    allowed -= torch.from_numpy(forbidden[start : start + size]).float()
                parts.append(self._sampled(source, rows, allowed.to(self._device)).cpu())
        return torch.cat(parts).clone()

    def logits(self, source: Pixels | Features, indices: Indices) -> Tensor:
        """Return (n, C) float32: label vectors divided by the temperature."""
        return self.labels(source, indices) / self._temperature

    def embed(self, source: Pixels | Features, indices: Indices) -> Tensor | None:
        """Return (n, width) float32: the encoding that the first layer is multiplied by.

        None without an encoder of its own: then it looks at frozen features alone.
        """
        if self._encoder is None:
            return None
        with torch.inference_mode():
            return self._condition(source, indices)[1].cpu().clone()

    def module(self) -> nn.Module:
        """Features -> label vectors divided by the temperature.

        Raises:
            ValueError: when it looks at images as well.
        """
        if self._encoder is not None:
            raise ValueError(
                "This round has an image encoder of its own beside the features, which is not "
                'exported. Train Diff-SySC with encoder "frozen", and export that round.'
            )
        network = copy.deepcopy(self._network).cpu()
        return DenoisedLabels(network, self._mean, self._bars.cpu(), self._steps, self._temperature)

    def with_pixels(self, pixels: Pixels) -> Self:
        """Itself, looking at these images: one that was read from a file has none."""
        if self._encoder is not None:
            self._encoder = dataclasses.replace(self._encoder, pixels=pixels)
        return self

    def _sampled(self, source: Pixels | Features, rows: Indices, allowed: Tensor) -> Tensor:
        share, encoding = self._condition(source, rows)

        def noise(y: Tensor, t: int) -> Tensor:
            times = torch.full((len(y),), t, dtype=torch.int64, device=y.device)
            return self._network.denoise(y, times, share, encoding)

        return sample(noise, allowed, self._bars, steps=self._steps)

    def _condition(self, source: Pixels | Features, rows: Indices) -> tuple[Tensor, Tensor]:
        f, images = directions(source, rows, self._mean).to(self._device), None
        if self._encoder is not None:
            if self._encoder.pixels is None:
                raise ValueError(
                    "pixels: this predictor looks at images as well; give it those of its project "
                    "by with_pixels."
                )
            images = self._encoder.normalised(self._encoder.pixels.take(rows).to(self._device))
        return self._network.condition(f, images)

    def save(self, folder: Path) -> None:
        """Write weights and description below `folder`."""
        tensors = {**self._state, "features.mean": self._mean}
        if self._encoder is not None:
            tensors |= {"normalise.mean": self._encoder.mean, "normalise.std": self._encoder.std}
        predictor.write(folder, self._description, tensors)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote, onto the CPU; see `with_pixels`.

        Raises:
            ValueError: when the folder describes another kind of predictor.
        """
        description, tensors = predictor.read(folder, "label-diffusion")
        del description["kind"]
        encoder = None
        if "network" in description:
            channels, height, width = description.pop("shape")
            encoder = ImageEncoder(
                network=description.pop("network"),
                pixels=None,
                shape=(channels, height, width),
                mean=tensors.pop("normalise.mean"),
                std=tensors.pop("normalise.std"),
            )
        mean = tensors.pop("features.mean")
        return cls(state=tensors, mean=mean, encoder=encoder, **description)
