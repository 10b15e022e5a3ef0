"""Wide residual networks (Zagoruyko and Komodakis, BMVC 2016) as FixMatch's authors train them.

Three stages of pre-activation blocks with widths 16k, 32k and 64k, LeakyReLU(0.1), batch
normalisation with epsilon 0.001, global average pooling. WRN-28-2 is the field's network for
CIFAR-10 and SVHN (1.47 million parameters), WRN-28-8 for CIFAR-100 (23.4 million). WRN-37-2 is the
one for STL-10's 96 pixels (5.93 million): a fourth stage of width 128k, and a first stage that
halves the image.
"""

import torch
from torch import Tensor, nn

SLOPE = 0.1
WIDTHS = (16, 32, 64)
STL_WIDTHS = (16, 32, 64, 128)
"""Output channels of the stages at k = 1."""


class Block(nn.Module):
    """A pre-activation residual block: BN, LeakyReLU, conv, BN, LeakyReLU, conv, plus the input.

    Args:
        channels: channels that come in.
        width: channels that go out.
        stride: of the first convolution.
        activate_shortcut: whether the shortcut sees the activated input; so only in the very
            first block.
        torchssl_quirk: see `WideResNet`.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        stride: int,
        *,
        activate_shortcut: bool,
        torchssl_quirk: bool,
    ) -> None:
        super().__init__()
        self.bn1 = _norm(channels)
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.bn2 = _norm(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        changes = channels != width or stride != 1
        self.shortcut = nn.Conv2d(channels, width, 1, stride, bias=False) if changes else None
        self.activate_shortcut = activate_shortcut
        self.skip_first_norm = torchssl_quirk and changes and not activate_shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, width, s/stride, s/stride) for (n, channels, s, s)."""
        active = x if self.skip_first_norm else _activate(self.bn1(x))
        shortcut = active if self.activate_shortcut else x
        if self.shortcut is not None:
            shortcut = self.shortcut(shortcut)
        return shortcut + self.conv2(_activate(self.bn2(self.conv1(active))))


class WideResNet(nn.Module):
    """WRN-depth-widen.

    Args:
        num_classes: C, the number of logits.
        in_channels: channels of the images.
        image_size: height and width in pixels; the last stage must leave 2, so at least 8, or
            32 for WRN-37-2.
        depth: 6 n + 4; 28 gives 4 blocks a stage.
        widen: the factor k of the widths.
        widths: of the stages at k = 1; a stage more than three makes the network deeper.
        first_stride: of the first stage.
        torchssl_quirk: repeat what TorchSSL, USB and a well-known re-implementation do in the
            first block of every stage but the first: feed the first convolution with the raw
            input, so that the block's first batch normalisation is never used and gets no
            gradient. Published numbers of those code bases carry it; the networks of FixMatch's
            authors do not.

    Raises:
        ValueError: when depth is not 6 n + 4 or the images are too small.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        *,
        depth: int = 28,
        widen: int = 2,
        widths: tuple[int, ...] = WIDTHS,
        first_stride: int = 1,
        torchssl_quirk: bool = False,
    ) -> None:
        super().__init__()
        if (depth - 4) % 6 or depth < 10:
            raise ValueError(f"depth: {depth} is not 6 n + 4; use 10, 16, 22, 28, ...")
        smallest = first_stride * 2 ** len(widths)
        if image_size < smallest:
            raise ValueError(
                f"image_size: {image_size} pixels are too few, use {smallest} or more."
            )
        self.stem = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        blocks: list[nn.Module] = []
        channels = 16
        for stage, width in enumerate(widen * each for each in widths):
            for number in range((depth - 4) // 6):
                blocks.append(
                    Block(
                        channels,
                        width,
                        (2 if stage else first_stride) if number == 0 else 1,
                        activate_shortcut=stage == 0 and number == 0,
                        torchssl_quirk=torchssl_quirk,
                    )
                )
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.norm = _norm(channels)
        self.head = nn.Linear(channels, num_classes)
        self.num_features = channels
        _initialise(self)

    def features(self, images: Tensor) -> Tensor:
        """Return (n, num_features) for (n, in_channels, S, S) normalised images."""
        maps = _activate(
            self.norm(self.blocks(self.stem(images)))
        )  # (n, 64 k, S/4, S/4), or 128 k, S/16
        return torch.mean(maps, dim=(2, 3))

    def depths(self) -> dict[str, int]:
        """Depth of every parameter by name: the stem 0, a block a step, the last norm its block's.

        The head is the deepest.
        """
        blocks = len(self.blocks)
        known = {"stem": 0, "norm": blocks, "head": blocks + 1}
        parts = {name: name.split(".") for name, _ in self.named_parameters()}
        return {
            name: int(part[1]) + 1 if part[0] == "blocks" else known[part[0]]
            for name, part in parts.items()
            if part[0] in {"blocks", *known}  # not what others have added to be trained beside it
        }

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, num_classes) logits for (n, in_channels, S, S) normalised images."""
        return self.head(self.features(images))


def _norm(channels: int) -> nn.BatchNorm2d:
    # 0.001 is TensorFlow's decay 0.999; the step loop raises it for runs shorter than that memory
    return nn.BatchNorm2d(channels, eps=0.001, momentum=0.001)


def _activate(x: Tensor) -> Tensor:
    return nn.functional.leaky_relu(x, SLOPE, inplace=True)


def _initialise(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, SLOPE, "fan_out", "leaky_relu")
        elif isinstance(module, nn.Linear):
            nn.init.xavier_normal_(module.weight)
            nn.init.zeros_(module.bias)
