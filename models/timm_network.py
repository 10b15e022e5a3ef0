"""Any classifier of the timm library, by name, with a linear head of its own.

Besides timm's registered names ("resnet18", "vit_small_patch16_224") those after its own pattern
`vit_{tiny,small,base}_patch{P}_{S}` are built that it does not register, as the small-image vision
transformers of USB (Wang et al., NeurIPS 2022): vit_tiny_patch2_32, vit_small_patch2_32. They are
ViT-Ti, -S and -B (12 blocks, MLP ratio 4, class token) with that patch. The S of a name is the size
that its published weights were trained at; the network is built for the images it is given.

timm is imported when a network of it is built and not before: it takes a second.
"""

import re
from typing import Any

import torch
from torch import Tensor, nn

from models.starting import start_body

PREFIX = "timm:"

WIDTHS = {"tiny": (192, 3), "small": (384, 6), "base": (768, 12)}
"""Dimension and heads of the vision transformers."""

DROP_PATH = {"tiny": 0.1, "small": 0.2, "base": 0.2}
"""Stochastic depth of vision transformers, as USB trains them."""

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of a channel in 0..1 that weights without a record of their own take; so do
those of USB's small vision transformers."""

_PATTERN = re.compile(r"vit_(tiny|small|base)_patch(\d+)_(\d+)")


class TimmNetwork(nn.Module):
    """A timm model without its classifier, and a linear head.

    Attributes:
        draws: its stochastic depth draws from torch's global generator in training mode, so that
            has to be seeded before every step.
        optimiser: "adamw" for vision transformers and others without batch normalisation, or "sgd".

    Args:
        name: of timm, without "timm:".
        num_classes: C, the number of logits.
        in_channels: channels of the images.
        image_size: height and width in pixels.

    Raises:
        ValueError: when timm cannot build it, or not for images of that size or depth.
    """

    draws = True

    def __init__(self, name: str, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        self.body = _body(name, in_channels, image_size)
        self.num_features = self._probe(name, in_channels, image_size)
        self.head = nn.Linear(self.num_features, num_classes)
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        normed = any(isinstance(each, nn.modules.batchnorm._BatchNorm) for each in self.modules())
        self.optimiser = "sgd" if normed else "adamw"

    def features(self, images: Tensor) -> Tensor:
        """Return (n, num_features) for (n, in_channels, S, S) normalised images."""
        return self.body(images)

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, num_classes) logits for (n, in_channels, S, S) normalised images."""
        return self.head(self.features(images))

    def depths(self) -> dict[str, int]:
        """Depth of every parameter by name: 0 at the input, the head the highest."""
        from timm.models._manipulate import group_with_matcher

        # timm joins the last norm with the last block, and so does USB's layer decay
        found = group_with_matcher(
            self.body.named_parameters(),
            self.body.group_matcher(coarse=False),  # type: ignore[operator]
            reverse=True,
        )
        deepest = max(found.values())
        depths = {f"body.{name}": min(depth, deepest) for name, depth in found.items()}
        return depths | {f"head.{name}": deepest + 1 for name, _ in self.head.named_parameters()}

    def load_body(self, state: dict[str, Tensor]) -> None:
        """Take pre-trained weights, with positions resized (bicubic) and the classifier left out.

        Raises:
            ValueError: when they are of another network.
        """
        from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn

        if isinstance(self.body, VisionTransformer):
            state = checkpoint_filter_fn(state, self.body)
        start_body(self.body, state)

    def _probe(self, name: str, channels: int, size: int) -> int:
        """The number of features, found by one black image; it also proves that the size fits."""
        self.body.eval()
        try:
            with torch.inference_mode():
                shape = self.body(torch.zeros(1, channels, size, size)).shape
        except (RuntimeError, AssertionError, ValueError) as error:
            raise ValueError(_unfit(name, channels, size, error)) from error
        self.body.train()
        if len(shape) != 2:
            raise ValueError(f"network: {PREFIX}{name} gives no vector an image; use a classifier.")
        return int(shape[1])


def normalisation(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of a channel in 0..1 with which timm's published weights were trained.

    Args:
        name: of timm, without "timm:".
    """
    from timm.models import get_pretrained_cfg

    known = get_pretrained_cfg(name, allow_unregistered=True)
    return IMAGENET if known is None else (tuple(known.mean), tuple(known.std))


def _body(name: str, channels: int, size: int) -> nn.Module:
    import timm

    options: dict[str, Any] = {"num_classes": 0, "in_chans": channels}
    match = _PATTERN.fullmatch(name)
    if match:
        width, patch = match[1], int(match[2])
        if patch < 1 or size % patch:
            raise ValueError(
                f"network: {PREFIX}{name} cuts images into patches of {patch} pixels, and {size} "
                "is no multiple of that. Use another patch size, or import at another size."
            )
        options |= {"img_size": size, "drop_path_rate": DROP_PATH[width]}
        if not timm.is_model(name):
            dimension, heads = WIDTHS[width]
            return timm.models.VisionTransformer(
                patch_size=patch, embed_dim=dimension, num_heads=heads, **options
            )
    if not timm.is_model(name):
        raise ValueError(
            f'network: timm has no model "{name}". Use a name of timm.list_models(), or '
            "vit_tiny_patch2_32 and the like."
        )
    try:
        return timm.create_model(name, pretrained=False, **{"img_size": size, **options})
    except TypeError:  # a convolutional network has no size of its own
        body = timm.create_model(name, pretrained=False, **options)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ValueError(_unfit(name, channels, size, error)) from error
    _check_halvings(name, body, size)
    return body


def _check_halvings(name: str, body: nn.Module, size: int) -> None:
    """Refuse images that a convolutional network would halve when one pixel is left."""
    stages = getattr(body, "feature_info", None)
    reduction = stages[-1]["reduction"] if isinstance(stages, list) and stages else 1
    if 2 * size <= reduction:
        raise ValueError(
            f"network: {PREFIX}{name} shrinks images {reduction} times and these have {size} "
            f"pixels; use images above {reduction // 2} pixels, or the small CNN."
        )


def _unfit(name: str, channels: int, size: int, error: Exception) -> str:
    return (
        f"network: {PREFIX}{name} takes no images of {size} x {size} pixels and {channels} "
        f"channels ({str(error).splitlines()[0][:200]}). Use one made for that size."
    )
