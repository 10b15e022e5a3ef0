"""A model in one piece: 8-bit images in, calibrated class probabilities out."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sslapp.packaging.inputs import ImageInput


class JoinedVectors(nn.Module):
    """A head that was trained on the vectors of several encoders side by side, each of length 1.

    Args:
        head: (n, D) joined vectors -> (n, C) logits.
    """

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, *vectors: Tensor) -> Tensor:
        """Return (n, C) for the vectors of each encoder."""
        joined = torch.cat([nn.functional.normalize(each, dim=1) for each in vectors], dim=1)
        found: Tensor = self.head(joined)
        return found


class ModelGraph(nn.Module):
    """Encoders, what was trained on their vectors, and its calibration.

    Args:
        inputs: the sizes at which images come in, each once.
        encoders: with the number of the input that each reads; empty in the pixels gear, where
            the head reads the one input.
        head: vectors of each encoder -> (n, C) logits.
        calibration: (n, C) logits -> (n, C) probabilities.
    """

    def __init__(
        self,
        *,
        inputs: Sequence[ImageInput],
        encoders: Sequence[tuple[int, nn.Module]],
        head: nn.Module,
        calibration: nn.Module,
    ) -> None:
        super().__init__()
        self.inputs = list(inputs)
        self._reads = [number for number, _ in encoders]
        self.encoders = nn.ModuleList(module for _, module in encoders)
        self.head = head
        self.calibration = calibration
        self.eval().requires_grad_(False)

    def forward(self, *images: Tensor) -> Tensor:
        """(n, C, S, S) uint8 of each input -> (n, C) float32 calibrated probabilities."""
        scaled = [each.float() / 255 for each in images]
        read = [
            encoder(scaled[number])
            for number, encoder in zip(self._reads, self.encoders, strict=True)
        ]
        found: Tensor = self.calibration(self.head(*(read or scaled))).float()
        return found

    def probabilities(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """(n, C) for (n, C, S, S) images of each input."""
        with torch.inference_mode():
            found = self(*(torch.from_numpy(np.ascontiguousarray(each)) for each in images))
        return found.cpu().numpy()
