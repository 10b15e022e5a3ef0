"""Networks: plain modules that turn normalised images into logits, and nothing else.

`NETWORKS` maps a name to a constructor (num_classes, in_channels, image_size) -> module; `build`
knows those of timm besides, as "timm:resnet18". Every module has `features(images) -> (n,
num_features)`, a linear `head`, `forward(images) -> (n, num_classes)` and `depths()`, the depth of
every parameter by name: 0 at the input, the head the highest.
Weights are stored with the network's name, so a name keeps its meaning for good.
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from models import efficientnet_lite, timm_network
from models.efficientnet_lite import EfficientNetLite
from models.small_cnn import SmallCNN
from models.timm_network import PREFIX, TimmNetwork
from models.wide_resnet import STL_WIDTHS, WideResNet

__all__ = [
    "LITE",
    "NETWORKS",
    "PREFIX",
    "Constructor",
    "EfficientNetLite",
    "TimmNetwork",
    "build",
    "no_weights",
    "normalisation",
]

Constructor = Callable[[int, int, int], nn.Module]

LITE = ("efficientnet-lite0", "efficientnet-lite2")

NETWORKS: dict[str, Constructor] = {
    "small-cnn": SmallCNN,
    "wrn-28-2": lambda classes, channels, size: WideResNet(classes, channels, size, widen=2),
    "wrn-28-8": lambda classes, channels, size: WideResNet(classes, channels, size, widen=8),
    "wrn-37-2": lambda classes, channels, size: WideResNet(
        classes, channels, size, widen=2, widths=STL_WIDTHS, first_stride=2
    ),
    **{name: partial(EfficientNetLite, name) for name in LITE},
}


def build(name: str, num_classes: int, in_channels: int, image_size: int) -> nn.Module:
    """The network `name` with weights drawn from torch's global generator.

    Raises:
        ValueError: when there is none of that name, or it takes no images of that size.
    """
    if name.startswith(PREFIX):
        return TimmNetwork(name.removeprefix(PREFIX), num_classes, in_channels, image_size)
    if name not in NETWORKS:
        raise ValueError(
            f'network: "{name}" is unknown; use one of {", ".join(NETWORKS)}, or {PREFIX} and the '
            "name of a timm model."
        )
    return NETWORKS[name](num_classes, in_channels, image_size)


def normalisation(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each channel in 0..1 that the published weights of a network expect.

    Raises:
        ValueError: when no weights of it were published.
    """
    if name.startswith(PREFIX):
        return timm_network.normalisation(name.removeprefix(PREFIX))
    if name in LITE:
        return efficientnet_lite.MEAN, efficientnet_lite.DEVIATION
    raise ValueError(no_weights(name))


def no_weights(name: str) -> str:
    """What to say of a network that cannot start from pre-trained weights."""
    return (
        f"pretrained: {name} has no pre-trained weights; switch it off, or use a timm network or "
        f"one of {', '.join(LITE)}."
    )
