"""The encoder "open_clip": a CLIP model whose images and sentences meet in one space.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021,
in the open_clip package (Ilharco et al., 2021). The model is what lies in the workspace: the
weights as a safetensors file and, unless they are ViT-B-32's, its open_clip_config.json beside
them under the same name. Nothing is ever fetched: towers that name a model of a hub are refused.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor
from torch.nn import functional

from sslapp.embedding.precision import Precision
from sslapp.embedding.pretrained import PretrainedEncoder

DEFAULT_MODEL = "ViT-B-32"
_MODEL_KEYS = {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu"}


@dataclass(frozen=True)
class Clip:
    """A model in evaluation mode and what it expects.

    Attributes:
        model: both towers, float32.
        side: pixels of the square images it reads.
        mean, std: (3,) of its training images, in [0, 1].
    """

    model: open_clip.CLIP
    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def load_clip(weights: Path) -> Clip:
    """Build the model that a file of weights belongs to, from files alone.

    Raises:
        ValueError: when the configuration names parts from elsewhere or the weights do not fit.
    """
    model_config, preprocess = _configuration(weights)
    try:
        model = open_clip.CLIP(**model_config)
        model.load_state_dict(safetensors.torch.load_file(weights))
    except (RuntimeError, TypeError, KeyError, SafetensorError) as error:
        raise ValueError(
            f"{weights.name} does not hold the weights of the model that "
            f"{_config_path(weights).name} describes (without it: {DEFAULT_MODEL})."
        ) from error
    side = model.visual.image_size
    return Clip(
        model.eval().requires_grad_(False),
        int(side[0] if isinstance(side, tuple) else side),
        tuple(preprocess.get("mean", open_clip.OPENAI_DATASET_MEAN)),
        tuple(preprocess.get("std", open_clip.OPENAI_DATASET_STD)),
    )


class OpenClip(PretrainedEncoder):
    """The image tower; vectors have length 1, so that cosine and L2 order neighbours alike.

    Args:
        weights: a .safetensors file of a CLIP model.
        precision: in which its layers compute.

    Raises:
        ValueError: as `load_clip`.
    """

    name = "open_clip"
    title = "OpenCLIP"

    def __init__(self, weights: Path, precision: Precision = Precision.FLOAT32) -> None:
        self._clip = load_clip(weights)
        super().__init__(self._clip.model, self._clip.side, precision)

    def normalised(self, x: Tensor) -> Tensor:
        """(n, 3, side, side) float32 in [0, 1] -> standardised by its training images."""
        mean, std = (
            torch.tensor(each, device=self.device).view(1, 3, 1, 1)
            for each in (self._clip.mean, self._clip.std)
        )
        return (x - mean) / std

    def features(self, x: Tensor) -> Tensor:
        """(n, 3, side, side) -> (n, D) float32 of length 1."""
        return functional.normalize(self._network.encode_image(x).float(), dim=-1)


def encode_text(weights: Path, text: str) -> NDArray[np.float32]:
    """Return (D,) float32 of length 1: where the model puts a sentence among the images.

    Raises:
        ValueError: as `load_clip`.
    """
    model = load_clip(weights).model
    tokens = open_clip.SimpleTokenizer(context_length=model.context_length)([text])
    with torch.inference_mode():
        return model.encode_text(tokens, normalize=True)[0].numpy()


def _config_path(weights: Path) -> Path:
    return weights.with_suffix(".json")


def _configuration(weights: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The model's and the preprocessing's parts of the configuration."""
    path = _config_path(weights)
    if not path.is_file():
        found = open_clip.get_model_config(DEFAULT_MODEL)
        assert found is not None
        return found, {}
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        model, preprocess = whole.get("model_cfg", whole), whole.get("preprocess_cfg", {})
        towers = {**model["vision_cfg"], **model["text_cfg"]}
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} is no configuration of an OpenCLIP model.") from error
    foreign = sorted(
        {name for name in model if name not in _MODEL_KEYS}
        | {name for name, value in towers.items() if name.startswith(("hf_", "timm_")) and value}
    )
    if foreign:
        raise ValueError(
            f"{path.name}: {', '.join(foreign)} is not supported. Choose an OpenCLIP model whose "
            "towers are its own, such as ViT-B-32, ViT-B-16 or RN50."
        )
    return model, preprocess
