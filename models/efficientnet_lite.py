"""EfficientNet-Lite with a linear head of its own, for images of any size from 32 pixels.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019,
in its Lite variant: no squeeze-and-excitation, ReLU6. The layers are those of the package
efficientnet_lite_pytorch, under its names, so that its published weights fit; it is imported when a
network of it is built and not before.
"""

import torch
from torch import Tensor, nn

from models.starting import start_body

MEAN, DEVIATION = (127 / 255,) * 3, (128 / 255,) * 3
"""Of a channel in 0..1, as the published weights were trained: (255 x - 127) / 128."""

SMALLEST = 32
"""Pixels a side that the five halvings leave one of."""


class EfficientNetLite(nn.Module):
    """The package's network up to its global average pooling, and a linear head.

    Attributes:
        draws: its stochastic depth draws from torch's global generator in training mode, so that
            has to be seeded before every step.
        optimiser: what trains it best in few steps.

    Args:
        name: "efficientnet-lite0" to "efficientnet-lite4".
        num_classes: C, the number of logits.
        in_channels: channels of the images; published weights take 3.
        image_size: height and width in pixels.

    Raises:
        ValueError: when the images are smaller than 32 pixels.
    """

    draws = True
    optimiser = "adamw"

    def __init__(self, name: str, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        if image_size < SMALLEST:
            raise ValueError(
                f"image_size: {name} shrinks images {SMALLEST} times and these have {image_size} "
                f"pixels; use {SMALLEST} or more, or the small CNN."
            )
        from efficientnet_lite_pytorch import EfficientNet

        self.body = EfficientNet.from_name(name, in_channels=in_channels, image_size=image_size)
        self.num_features: int = self.body._fc.in_features
        self.body._fc = nn.Identity()
        _unwrap_pointwise(self.body)
        self.head = nn.Linear(self.num_features, num_classes)
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def features(self, images: Tensor) -> Tensor:
        """Return (n, num_features) for (n, in_channels, S, S) normalised images."""
        # on a CPU the way back through depthwise convolutions takes twice as long in bfloat16
        with torch.autocast("cpu", enabled=False):
            planes = self.body.extract_features(images)  # (n, D, S/32, S/32)
        return torch.mean(planes, dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, num_classes) logits for (n, in_channels, S, S) normalised images."""
        return self.head(self.features(images))

    def depths(self) -> dict[str, int]:
        """Depth of every parameter by name: the stem 0, a block a step, its last convolution one
        more; the head is the deepest."""
        blocks = len(self.body._blocks)
        last = {"_conv_stem": 0, "_bn0": 0, "_conv_head": blocks + 1, "_bn1": blocks + 1}
        depths = {}
        own = (*self.body.named_parameters("body"), *self.head.named_parameters("head"))
        for name, _ in own:
            whole, part, *rest = name.split(".")
            if whole == "head":
                depths[name] = blocks + 2
            else:
                depths[name] = int(rest[0]) + 1 if part == "_blocks" else last[part]
        return depths

    def load_body(self, state: dict[str, Tensor]) -> None:
        """Take pre-trained weights, with the classifier left out.

        Raises:
            ValueError: when they are of another network.
        """
        start_body(self.body, state)


def _unwrap_pointwise(body: nn.Module) -> None:
    """Make plain convolutions of those of one pixel, which the package wraps in a padding of none.

    What adapts a network layer by layer knows plain layers only.
    """
    for parent in list(body.modules()):
        for name, wrapped in list(parent.named_children()):
            if isinstance(wrapped, nn.Conv2d) and wrapped.kernel_size == (1, 1):
                channels = wrapped.in_channels, wrapped.out_channels
                plain = nn.utils.skip_init(nn.Conv2d, *channels, 1, bias=False)
                plain.weight = wrapped.weight
                setattr(parent, name, plain)
