"""The encoder "own": a network that learned from a project's own images."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sslapp.embedding.encoder import PixelSource, Progress, ShouldStop, Vectors
from sslapp.training.predictor import NetworkPredictor
from sslapp.training.task import Indices


class OwnEncoder:
    """What `simclr.train` has left, as an encoder of images of the size that it learned from.

    Args:
        folder: where its predictor is kept.
    """

    name = "own"
    batch = 64
    side = None

    def __init__(self, folder: Path) -> None:
        self._network = NetworkPredictor.load(folder)

    def fit(
        self,
        pixels: PixelSource,
        rows_to_fit: NDArray[np.int64],
        *,
        seed: int,
        progress: Progress,
        should_stop: ShouldStop,
    ) -> Vectors:
        """Return the network's map; it has learned before. See Encoder.fit.

        Raises:
            ValueError: when the images have another shape than those that it learned from.
        """
        size, _, channels = pixels.shape[1:]
        if (channels, size, size) != self._network.shape:
            learned, _, side = self._network.shape
            raise ValueError(
                f"The project's own encoder learned from images of {side} pixels and {learned} "
                f"channel(s); these have {size} and {channels}. Train it again: `sslapp learn`."
            )
        return self._vectors

    def _vectors(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        rows = np.arange(len(images), dtype=np.int64)
        return self._network.embed(_Batch(images), rows).numpy()


class _Batch:
    """(n, S, S, C) uint8 images with the channel order that networks read."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._images = images
        count, side, _, channels = images.shape
        self.shape = (count, channels, side, side)

    def take(self, indices: Indices) -> torch.Tensor:
        """Return (n, C, S, S) uint8."""
        return torch.from_numpy(self._images[indices]).permute(0, 3, 1, 2).contiguous()
