"""A fitted label denoiser: it samples a label vector for any row of a feature source."""

from collections.abc import Callable
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from models.label_diffusion import LabelDenoiser
from sslapp.training import predictor
from sslapp.training.diffusion import Schedule, alpha_bars, sample
from sslapp.training.method import Predictor
from sslapp.training.task import Features, Indices, Pixels

ROWS = 4096


class LabelDiffusionPredictor(Predictor):
    """Deterministic samples of a label denoiser.

    Args:
        state: the denoiser's state dict.
        num_classes: C.
        num_features: D.
        width: of its hidden layers.
        diffusion: schedule of the forward process.
        steps: of the sampling.
        temperature: tau, by which label vectors are divided.
    """

    def __init__(
        self,
        *,
        state: dict[str, Tensor],
        num_classes: int,
        num_features: int,
        width: int,
        diffusion: Schedule,
        steps: int,
        temperature: float,
    ) -> None:
        self._description: dict[str, object] = {
            "kind": "label-diffusion",
            "num_classes": num_classes,
            "num_features": num_features,
            "width": width,
            "diffusion": diffusion,
            "steps": steps,
            "temperature": temperature,
        }
        self._state = state
        self._device = next(iter(state.values())).device
        self._network = LabelDenoiser(num_classes, num_features, width=width).to(self._device)
        self._network.load_state_dict(state)
        self._network.eval()
        self._bars = alpha_bars(diffusion).float().to(self._device)
        self._num_classes, self._steps, self._temperature = num_classes, steps, temperature

    def labels(
        self,
        source: Pixels | Features,
        indices: Indices,
        *,
        check: Callable[[], None] = lambda: None,
    ) -> Tensor:
        """Return (n, C) float32 label vectors on the CPU.

        Args:
            source: (N, D) features.
            indices: (n,) rows.
            check: called now and then; may raise to stop.
        """
        parts = [torch.zeros(0, self._num_classes)]
        with torch.inference_mode():
            for start in range(0, len(indices), ROWS):
                check()
                f = source.take(indices[start : start + ROWS]).to(self._device)
                parts.append(self._sampled(f).cpu())
        return torch.cat(parts).clone()

    def logits(self, source: Pixels | Features, indices: Indices) -> Tensor:
        """Return (n, C) float32: label vectors divided by the temperature."""
        return self.labels(source, indices) / self._temperature

    def embed(self, source: Pixels | Features, indices: Indices) -> Tensor:
        """Return (n, width) float32: the encoding that the first layer is multiplied by."""
        with torch.inference_mode():
            return self._network.encode(source.take(indices).to(self._device)).cpu().clone()

    def _sampled(self, f: Tensor) -> Tensor:
        encoding = self._network.encode(f)

        def noise(y: Tensor, t: int) -> Tensor:
            times = torch.full((len(y),), t, dtype=torch.int64, device=y.device)
            return self._network.denoise(y, times, f, encoding)

        return sample(noise, len(f), self._num_classes, self._bars, steps=self._steps)

    def save(self, folder: Path) -> None:
        """Write weights and description below `folder`."""
        predictor.write(folder, self._description, self._state)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote, onto the CPU.

        Raises:
            ValueError: when the folder describes another kind of predictor.
        """
        description, tensors = predictor.read(folder, "label-diffusion")
        return cls(state=tensors, **{k: v for k, v in description.items() if k != "kind"})
