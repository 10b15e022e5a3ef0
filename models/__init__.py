"""Networks: plain modules that turn normalised images into logits, and nothing else.

`NETWORKS` maps a name to a constructor (num_classes, in_channels, image_size) -> module. Every
module has `features(images) -> (n, num_features)` and `forward(images) -> (n, num_classes)`.
Weights are stored with the network's name, so a name keeps its meaning for good.
"""

from collections.abc import Callable

from torch import nn

from models.small_cnn import SmallCNN
from models.wide_resnet import WideResNet

Constructor = Callable[[int, int, int], nn.Module]

NETWORKS: dict[str, Constructor] = {
    "small-cnn": SmallCNN,
    "wrn-28-2": lambda classes, channels, size: WideResNet(classes, channels, size, widen=2),
    "wrn-28-8": lambda classes, channels, size: WideResNet(classes, channels, size, widen=8),
}
