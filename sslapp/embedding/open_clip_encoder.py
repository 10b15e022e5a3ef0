"""Encoders of open_clip: models whose images and sentences meet in one space.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021,
in the open_clip package (Ilharco et al., 2021). A model is built from files of the workspace alone
and nothing is looked up: a folder of fetched weights (`weights.folders`), or one file of weights
with its open_clip_config.json beside it under the same name; without that it is ViT-B-32's.
"""

import json
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from open_clip.tokenizer import HFTokenizer
from torch import Tensor
from torch.nn import functional

from sslapp.embedding.precision import Precision
from sslapp.embedding.pretrained import PretrainedEncoder
from sslapp.embedding.weights.folders import CONFIGURATION, TEXT, TOKENIZER, Weights, verified
from sslapp.embedding.weights.names import Library, parse
from sslapp.imaging.fit import Resample
from sslapp.vocabulary import Aspect

ClipModel: TypeAlias = open_clip.CLIP | open_clip.CustomTextCLIP | open_clip.CoCa

NAME = "open_clip"
DEFAULT_MODEL = "ViT-B-32"
CONTEXT = 77
"""Tokens of a sentence where a configuration does not say it."""

_TIMM_NAME = re.compile(r"[A-Za-z0-9_.]+")  # no hub's, no folder's
_ASPECTS: Mapping[str, Aspect] = {
    "shortest": Aspect.CROP,
    "longest": Aspect.PAD,
    "squash": Aspect.STRETCH,
}


@dataclass(frozen=True)
class Clip:
    """A model in evaluation mode and what it expects.

    Attributes:
        model: both towers, float32.
        name: the encoder's.
        side: pixels of the square images it reads.
        mean, std: (3,) of its training images, in [0, 1].
        aspect: how other images become square.
        resample: by what they are resized.
        text: the configuration of its text tower.
        tokenizer: folder of its tokenizer's files; None for open_clip's own.
    """

    model: ClipModel
    name: str
    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    aspect: Aspect
    resample: Resample
    text: Mapping[str, Any]
    tokenizer: Path | None


@dataclass(frozen=True)
class _Files:
    """The files that a model is built from, and its configuration.

    Attributes:
        name: the encoder's.
        network: its weights.
        beside: folder of what a text tower needs beside them.
        described: what the configuration is, in words.
        model, preprocess: its two parts.
        aspect: how images become square.
    """

    name: str
    network: Path
    beside: Path
    described: str
    model: dict[str, Any]
    preprocess: Mapping[str, Any]
    aspect: Aspect


def load_clip(weights: Path) -> Clip:
    """Build the model that weights belong to, from files alone.

    Args:
        weights: a file, or a folder of `weights.folders`.

    Raises:
        ValueError: when the configuration names parts from elsewhere or the weights do not fit.
    """
    files = _of_folder(verified(weights)) if weights.is_dir() else _of_file(weights)
    model = _built(files)
    try:
        open_clip.load_checkpoint(model, str(files.network), weights_only=True)
    except Exception as error:  # torch, safetensors and open_clip each raise their own
        raise ValueError(
            f"{files.network.name} does not hold the weights of the model that "
            f"{files.described} describes."
        ) from error
    side = model.visual.image_size
    preprocess = files.preprocess
    return Clip(
        model.eval().requires_grad_(False),
        files.name,
        int(side[0] if isinstance(side, Sequence) else side),
        tuple(preprocess.get("mean") or open_clip.OPENAI_DATASET_MEAN),
        tuple(preprocess.get("std") or open_clip.OPENAI_DATASET_STD),
        files.aspect,
        "bilinear" if preprocess.get("interpolation") == "bilinear" else "bicubic",
        files.model["text_cfg"],
        files.beside / TOKENIZER if files.model["text_cfg"].get("hf_tokenizer_name") else None,
    )


class OpenClip(PretrainedEncoder):
    """The image tower; vectors have length 1, so that cosine and L2 order neighbours alike.

    Args:
        weights: as `load_clip`.
        precision: in which its layers compute.

    Raises:
        ValueError: as `load_clip`.
    """

    name = NAME
    title = "OpenCLIP"

    def __init__(self, weights: Path, precision: Precision = Precision.FLOAT32) -> None:
        clip = load_clip(weights)
        super().__init__(clip.model, clip.side, precision)
        self.name, self.aspect, self.resample = clip.name, clip.aspect, clip.resample
        self._mean, self._std = (
            torch.tensor(each, device=self.device).view(1, 3, 1, 1)
            for each in (clip.mean, clip.std)
        )

    def normalised(self, x: Tensor) -> Tensor:
        """(n, 3, side, side) float32 in [0, 1] -> standardised by its training images."""
        return x.sub(self._mean).div_(self._std)

    def features(self, x: Tensor) -> Tensor:
        """(n, 3, side, side) -> (n, D) float32 of length 1."""
        return functional.normalize(self._network.encode_image(x).float(), dim=-1)


def encode_text(weights: Path, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return (n, D) float32 of length 1: where the model puts n sentences among the images.

    Raises:
        ValueError: as `load_clip`, or when what cuts sentences into tokens is not there.
    """
    clip = load_clip(weights)
    tokens = _tokenizer(clip)(list(texts))
    with torch.inference_mode():
        return clip.model.encode_text(tokens, normalize=True).numpy()


def _tokenizer(clip: Clip) -> open_clip.SimpleTokenizer | HFTokenizer:
    length = int(clip.text.get("context_length", CONTEXT))
    options = dict(clip.text.get("tokenizer_kwargs", {}))
    if clip.tokenizer is None:
        return open_clip.SimpleTokenizer(context_length=length, **options)
    if not clip.tokenizer.is_dir():
        raise ValueError(
            f"{clip.name} reads no text without its tokenizer. Put tokenizer.json and "
            f"tokenizer_config.json of {clip.text['hf_tokenizer_name']} into {clip.tokenizer}, or "
            f"fetch the weights: sslapp weights fetch {clip.name}"
        )
    mode = clip.text.get("tokenizer_mode")
    try:
        return HFTokenizer(
            str(clip.tokenizer), context_length=length, tokenizer_mode=mode, **options
        )
    except ImportError as error:
        raise ValueError(
            f"{clip.name} reads text with the package transformers: pip install transformers"
        ) from error


def _of_file(weights: Path) -> _Files:
    path, beside = weights.with_suffix(".json"), weights.with_suffix("")
    described = f"{path.name} (without it: {DEFAULT_MODEL})"
    model, preprocess = _read(path) if path.is_file() else (_known(DEFAULT_MODEL), {})
    # images were always read with borders here, so that embeddings go on as they are
    return _Files(NAME, weights, beside, described, model, preprocess, Aspect.PAD)


def _of_folder(weights: Weights) -> _Files:
    name, folder = parse(weights.name), weights.folder
    if name.repository is not None:
        described = CONFIGURATION[Library.OPEN_CLIP]
        model, preprocess = _read(folder / described)
    else:
        described = f"open_clip's {name.model}"
        model, preprocess = _tagged(name.model, name.tag)
    mode = preprocess.get("resize_mode", "shortest")
    if mode not in _ASPECTS:
        raise ValueError(f"{described}: there is no resize_mode {mode!r}.")
    aspect = _ASPECTS[mode]
    return _Files(weights.name, weights.network, folder, described, model, preprocess, aspect)


def _known(name: str) -> dict[str, Any]:
    model = open_clip.get_model_config(name)
    assert model is not None
    return model


def _tagged(name: str, tag: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What open_clip knows of a pair that it lists: the model's and the preprocessing's parts."""
    found = open_clip.get_pretrained_cfg(name, tag)
    if not found or open_clip.get_model_config(name) is None:
        raise ValueError(
            f"The installed open_clip does not list {name}/{tag}. Choose a pair of "
            "open_clip.list_pretrained()."
        )
    model = _known(name)
    # these weights' own activation, which is not always that of the model's configuration
    model["quick_gelu"] = bool(found.get("quick_gelu", model.get("quick_gelu", False)))
    return model, found


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The model's and the preprocessing's parts of a configuration."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        model, preprocess = whole.get("model_cfg", whole), whole.get("preprocess_cfg", {})
        model["vision_cfg"].keys(), model["text_cfg"].keys()
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} is no configuration of an OpenCLIP model.") from error
    return model, preprocess


def _built(files: _Files) -> ClipModel:
    """The model without its weights; no part of it is looked up."""
    config = deepcopy(files.model)
    vision, text = config["vision_cfg"], config["text_cfg"]
    trunk = vision.get("timm_model_name")
    if trunk is not None:
        if not isinstance(trunk, str) or not _TIMM_NAME.fullmatch(trunk):
            raise ValueError(f"{files.name}: {trunk!r} is no name of a network of timm.")
        vision["timm_model_pretrained"] = False
    if text.get("hf_model_name"):
        described = files.beside / TEXT
        if not (described / "config.json").is_file():
            raise ValueError(
                f"{files.name}: its text tower is described by the config.json of "
                f"{text['hf_model_name']}, which is not there. Put it into {described}."
            )
        text.update(hf_model_name=str(described), hf_model_pretrained=False)
    custom = bool(config.pop("custom_text", False) or text.get("hf_model_name"))
    build: type[ClipModel] = open_clip.CLIP
    if custom:
        build = open_clip.CoCa if "multimodal_cfg" in config else open_clip.CustomTextCLIP
    try:
        return build(**config)
    except Exception as error:  # what a configuration may lack or name is without end
        raise ValueError(
            f"{files.name}: the installed open_clip cannot build the model that its configuration "
            f"describes: {error}"
        ) from error
