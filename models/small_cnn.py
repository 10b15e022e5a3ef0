"""A four-layer convolutional network for small images and few labels.

Made for images of 8 to 64 pixels on a CPU: 3x3 convolutions with batch normalisation, as many
halvings as the image size allows, global average pooling, one linear layer. It follows the shape
of the networks that small-image papers train on MNIST and SVHN rather than one of them exactly.
"""

import torch
from torch import Tensor, nn

LARGEST = 64


class SmallCNN(nn.Module):
    """Four convolutions, pooled to one vector, and a linear classifier.

    Args:
        num_classes: C, the number of logits.
        in_channels: channels of the images.
        image_size: height and width in pixels, at least 4. Every convolution but the last is
            followed by a halving as long as 4 pixels or more are left. Images above 64 pixels
            are averaged down to 64 or fewer first: four 3x3 convolutions see no more of them,
            and a CPU would not get through.
        widths: output channels of the four convolutions.

    Raises:
        ValueError: when the images are smaller than 4 pixels.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        *,
        widths: tuple[int, int, int, int] = (32, 64, 96, 128),
    ) -> None:
        super().__init__()
        if image_size < 4:
            raise ValueError(f"image_size: {image_size} pixels are too few, use 4 or more.")
        layers: list[nn.Module] = []
        shrink = -(-image_size // LARGEST)
        if shrink > 1:
            layers.append(nn.AvgPool2d(shrink))
        channels, size = in_channels, image_size // shrink
        for number, width in enumerate(widths):
            layers += [
                nn.Conv2d(channels, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.LeakyReLU(0.1, inplace=True),
            ]
            channels = width
            # a stage works on at least 4 x 4 pixels: an 8 x 8 image is halved once
            if size // 2 >= 4 and number < len(widths) - 1:
                layers.append(nn.MaxPool2d(2))
                size //= 2
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(channels, num_classes)
        self.num_features = channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, 0.1, "fan_out", "leaky_relu")
        nn.init.xavier_normal_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def features(self, images: Tensor) -> Tensor:
        """Return (n, num_features) for (n, in_channels, S, S) normalised images."""
        return torch.mean(self.body(images), dim=(2, 3))  # (n, W, s, s) -> (n, W)

    def depths(self) -> dict[str, int]:
        """Depth of every parameter by name: a convolution and its norm share one, the head is 4."""
        depths, depth = {}, -1
        own = (*self.body.named_parameters("body"), *self.head.named_parameters("head"))
        for name, parameter in own:
            depth += parameter.ndim > 1  # a kernel or matrix comes before its norm or bias
            depths[name] = depth
        return depths

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, num_classes) logits for (n, in_channels, S, S) normalised images."""
        return self.head(self.features(images))
