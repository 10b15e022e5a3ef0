"""Encoders of timm: image networks without their classifier (Wightman, "PyTorch Image Models").

A network is built from a folder of fetched weights (`weights.folders`) alone and nothing is looked
up. Images come in the way in which it was evaluated: its own size, crop, resampling and
normalisation.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

import timm
import torch
from timm.data.config import resolve_data_config
from torch import Tensor, nn

from sslapp.embedding.precision import Precision
from sslapp.embedding.pretrained import PretrainedEncoder
from sslapp.embedding.weights.folders import CONFIGURATION, Weights, verified
from sslapp.embedding.weights.names import Library, parse
from sslapp.vocabulary import Aspect

_NAME = re.compile(r"[A-Za-z0-9_.]+")  # no hub's, no folder's
_NOT_OF_A_NETWORK = {"checkpoint_path", "cache_dir", "pretrained", "pretrained_cfg"}
_NOT_OF_A_NETWORK |= {"pretrained_cfg_overlay", "scriptable", "exportable", "no_jit"}
"""What timm's `create_model` takes beside the arguments of a network."""

_ASPECTS: dict[str, Aspect] = {
    "center": Aspect.CROP,
    "squash": Aspect.STRETCH,
    "border": Aspect.PAD,
}


class TimmEncoder(PretrainedEncoder):
    """The network's pooled features before its classifier.

    Args:
        folder: of fetched weights.
        precision: in which its layers compute.

    Raises:
        ValueError: when timm has no such network, or the weights do not fit it.
    """

    title = "timm"

    def __init__(self, folder: Path, precision: Precision = Precision.FLOAT32) -> None:
        weights = verified(folder)
        network = _loaded(weights)
        data = resolve_data_config(model=network, use_test_size=False)
        height, width = data["input_size"][1:]
        if height != width:
            raise ValueError(
                f"{weights.name} reads {width} x {height} pixels; choose a square one."
            )
        # what timm resizes to before it crops the centre
        super().__init__(network, math.floor(width / data["crop_pct"]), precision)
        self.name = weights.name
        self.resample = "bilinear" if data["interpolation"] == "bilinear" else "bicubic"
        self.aspect = _ASPECTS[data["crop_mode"]]
        self._crop = int(width)
        self._mean, self._std = (
            torch.tensor(data[each], device=self.device).view(1, 3, 1, 1)
            for each in ("mean", "std")
        )

    def normalised(self, x: Tensor) -> Tensor:
        """(n, 3, side, side) float32 in [0, 1] -> its centre, standardised as in training."""
        first = round((self.side - self._crop) / 2)
        x = x[:, :, first : first + self._crop, first : first + self._crop]
        return x.sub(self._mean).div_(self._std)

    def features(self, x: Tensor) -> Tensor:
        """(n, 3, crop, crop) -> (n, D)."""
        return self._network(x)


def _loaded(weights: Weights) -> nn.Module:
    architecture, pretrained, options = _described(weights)
    try:
        network: Any = timm.create_model(
            architecture,
            pretrained=True,  # from the file that the overlay names, before anything of a hub
            pretrained_cfg=pretrained,
            pretrained_cfg_overlay={
                "file": str(weights.network),
                "source": "timm",
                "custom_load": False,
                "hf_hub_id": None,
                "url": "",
            },
            **options,
        )
        # only now: with the classifier of its weights timm demands that every part of them fits
        network.reset_classifier(0)
    except Exception as error:  # torch, safetensors and timm each raise their own
        raise ValueError(
            f"{weights.network.name} does not hold the weights of {weights.name}: {error}"
        ) from error
    return network.eval().requires_grad_(False)


def _described(weights: Weights) -> tuple[str, dict[str, Any] | None, dict[str, Any]]:
    """Architecture, what it was trained with (None for what timm lists) and its options."""
    name = parse(weights.name)
    if name.repository is None:
        if not timm.is_model(name.model):
            raise ValueError(f"The installed timm has no network {name.model}. Update timm.")
        return name.model, None, {}
    path = weights.folder / CONFIGURATION[Library.TIMM]
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        architecture = str(said["architecture"])
        pretrained = dict(said.get("pretrained_cfg", said))
        options = {
            key: value
            for key, value in said.get("model_args", {}).items()
            if key not in _NOT_OF_A_NETWORK
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path.name} is no configuration of a timm network.") from error
    if not _NAME.fullmatch(architecture) or not timm.is_model(architecture):
        raise ValueError(f"{path.name}: the installed timm has no network {architecture!r}.")
    if "num_classes" in said:
        pretrained["num_classes"] = said["num_classes"]
    return architecture, pretrained, options
