"""Networks of a hub small enough for tests, with random weights: real ones cannot be had here."""

import json
from pathlib import Path

import open_clip
import safetensors.torch
import timm
import tiny_clip
import torch

VIT = "timm:test_vit.r160_in1k"
VIT_AT = "timm/test_vit.r160_in1k"
RESNET = "timm:hf-hub:small/resnet"
RESNET_AT = "small/resnet"
CLIP = "open_clip:hf-hub:small/clip"
BERT_CLIP = "open_clip:hf-hub:small/bert-clip"
TIMM_CLIP = "open_clip:hf-hub:small/timm-clip"

TIMM_TOWER = {
    **tiny_clip.TINY,
    "vision_cfg": {
        "image_size": 160,
        "timm_model_name": "test_vit",
        "timm_model_pretrained": True,
        "timm_pool": "token",
        "timm_proj": "linear",
    },
    "custom_text": True,
}
STRETCHED = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "resize_mode": "squash"}


def repositories() -> dict[str, dict[str, bytes]]:
    """What a small hub serves of them."""
    torch.manual_seed(1)
    custom = {key: value for key, value in TIMM_TOWER.items() if key != "custom_text"}
    tower = {**custom["vision_cfg"], "timm_model_pretrained": False}
    mixed = open_clip.CustomTextCLIP(**{**custom, "vision_cfg": tower})
    said = {
        "architecture": "test_resnet",
        "num_classes": 1000,
        "pretrained_cfg": {
            "input_size": [3, 64, 64],
            "interpolation": "bilinear",
            "crop_pct": 0.8,
            "mean": [0.1, 0.2, 0.3],
            "std": [0.4, 0.5, 0.6],
            "num_classes": 1000,
            "classifier": "fc",
            "first_conv": "conv1",
        },
    }
    return {
        VIT_AT: {"model.safetensors": _saved(timm.create_model("test_vit"))},
        RESNET_AT: {
            "config.json": _json(said),
            "model.safetensors": _saved(timm.create_model("test_resnet")),
        },
        "small/clip": {
            "open_clip_config.json": _json(
                {"model_cfg": tiny_clip.TINY, "preprocess_cfg": tiny_clip.GREY}
            ),
            "open_clip_model.safetensors": _saved(tiny_clip.build()),
        },
        "small/timm-clip": {
            "open_clip_config.json": _json({"model_cfg": TIMM_TOWER, "preprocess_cfg": STRETCHED}),
            "open_clip_model.safetensors": _saved(mixed),
        },
    }


def _saved(network: torch.nn.Module) -> bytes:
    return safetensors.torch.save(network.state_dict())


def _json(said: object) -> bytes:
    return json.dumps(said).encode()


def repositories_with_transformers(folder: Path) -> dict[str, dict[str, bytes]]:
    """A CLIP whose text tower and tokenizer are of transformers, as BiomedCLIP's are.

    Args:
        folder: for what transformers writes.
    """
    from transformers import BertConfig, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "dog"]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"))
    tokenizer.save_pretrained(folder / "bert")
    BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    ).save_pretrained(folder / "bert")
    text = {
        "hf_model_name": str(folder / "bert"),
        "hf_tokenizer_name": "small/bert",
        "hf_proj_type": "mlp",
        "hf_pooler_type": "cls_last_hidden_state_pooler",
        "context_length": 8,
    }
    towers = {"embed_dim": 24, "vision_cfg": tiny_clip.TINY["vision_cfg"]}
    torch.manual_seed(3)
    model = open_clip.CustomTextCLIP(**towers, text_cfg={**text, "hf_model_pretrained": False})
    config = {**towers, "text_cfg": {**text, "hf_model_name": "small/bert"}}
    bert = {each.name: each.read_bytes() for each in (folder / "bert").iterdir()}
    return {
        "small/bert": bert,
        "small/bert-clip": {
            "open_clip_config.json": _json({"model_cfg": config, "preprocess_cfg": {}}),
            "open_clip_model.safetensors": _saved(model),
        },
    }
