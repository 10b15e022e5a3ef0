"""The encoder "own": a network that learned from a project's own images."""

from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from sslapp.embedding.encoder import PixelSource, Progress, ShouldStop, Vectors
from sslapp.embedding.encoders import OWN
from sslapp.imaging.fit import Resample
from sslapp.training.predictor import NetworkPredictor
from sslapp.training.task import Indices
from sslapp.vocabulary import Aspect


class OwnEncoder:
    """What `simclr.train` has left, as an encoder of images of the size that it learned from.

    Args:
        network: its predictor.

    Attributes:
        side: pixels of the images that it learned from.
    """

    name = OWN
    batch = 64
    aspect = Aspect.PAD
    resample: Resample = "bicubic"

    def __init__(self, network: NetworkPredictor) -> None:
        self._network = network
        self.side: int | None = network.shape[1]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        return cls(NetworkPredictor.load(folder))

    def save(self, folder: Path) -> None:
        """Write the network below `folder`."""
        self._network.save(folder)

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
