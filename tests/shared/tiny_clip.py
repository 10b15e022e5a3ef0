"""A CLIP model small enough for tests, with random weights: real ones cannot be had here."""

import json
from pathlib import Path

import open_clip
import safetensors.torch
import torch

SIDE = 32
TINY = {
    "embed_dim": 24,
    "quick_gelu": True,
    "vision_cfg": {
        "image_size": SIDE,
        "layers": 1,
        "width": 64,
        "head_width": 16,
        "patch_size": 16,
    },
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
GREY = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}


def build() -> open_clip.CLIP:
    """The model, the same one whenever it is asked for."""
    torch.manual_seed(0)
    return open_clip.CLIP(**TINY).eval()


def write(folder: Path, model: open_clip.CLIP) -> Path:
    """Lay the model's two files into a workspace's folder of weights; return the weights."""
    path = folder / "open_clip.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(model.state_dict(), path)
    config = {"model_cfg": TINY, "preprocess_cfg": GREY}
    path.with_suffix(".json").write_text(json.dumps(config))
    return path
