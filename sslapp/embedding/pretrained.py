"""What encoders with pretrained weights share: images in, one exact pass, vectors out."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from sslapp.embedding.encoder import PixelSource, Progress, ShouldStop, Vectors
from sslapp.embedding.precision import Precision
from sslapp.imaging.fit import Resample
from sslapp.vocabulary import Aspect

BATCH = {"cuda": 64, "cpu": 8}
"""Images of one pass: the planes of more of them leave a processor's cache between layers."""


class PretrainedEncoder(ABC):
    """A frozen network that reads square RGB images of one side.

    Class attributes:
        name: under which `open_encoder` opens it; an attribute where a class opens several.
        title: how its refusals call it.
        aspect, resample: how it was trained to see images that are not square, and resized.

    Attributes:
        side: pixels of the images that the network reads.
        device: where it computes.
        batch: images in one pass.

    Args:
        network: in evaluation mode, without gradients.
        side: of its images.
        precision: in which its layers compute.
    """

    name: str
    title: ClassVar[str]
    aspect: Aspect = Aspect.PAD
    resample: Resample = "bicubic"

    def __init__(
        self, network: nn.Module, side: int, precision: Precision = Precision.FLOAT32
    ) -> None:
        self.side = side
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.batch = BATCH[self.device.type]
        self._dtype: torch.dtype = getattr(torch, precision)
        network = network.to(self.device, self._dtype)
        self._network: Any = network.to(memory_format=torch.channels_last)

    @abstractmethod
    def normalised(self, x: Tensor) -> Tensor:
        """(n, 3, side, side) float32 in [0, 1] -> what the network was trained on."""

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """Normalised images in the network's number format -> (n, D), in float32 or in its own."""

    def fit(
        self,
        pixels: PixelSource,
        rows_to_fit: NDArray[np.int64],
        *,
        seed: int,
        progress: Progress,
        should_stop: ShouldStop,
    ) -> Vectors:
        """Return the network's map; nothing is fitted and nothing is drawn. See Encoder.fit.

        Raises:
            ValueError: when the images have neither 1 nor 3 channels.
        """
        channels = pixels.shape[3]
        if channels not in (1, 3):
            raise ValueError(
                f"{self.title} reads grey or RGB images; these have {channels} channels. "
                "Import them as grey or RGB."
            )
        return self._vectors

    def _vectors(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        # a fixed kernel choice, and no TF32: the same image gives the same vector in every run
        exact = torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=False
        )
        with torch.inference_mode(), exact:
            x = torch.from_numpy(np.ascontiguousarray(images)).to(self.device)
            x = x.permute(0, 3, 1, 2).float().div_(255)  # (n, C, S, S) in [0, 1]
            if x.shape[2] != self.side:
                x = functional.interpolate(
                    x, (self.side, self.side), mode="bicubic", align_corners=False, antialias=True
                ).clamp(0, 1)  # bicubic overshoots at edges
            x = self.normalised(x.expand(-1, 3, -1, -1)).to(self._dtype)
            # one layout: kernels round by layout
            x = x.contiguous(memory_format=torch.channels_last)
            return self.features(x).float().cpu().numpy()
