"""The encoder "open_clip", on a tiny model with random weights: real ones cannot be had here."""

import io
import json
import socket
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import open_clip
import pytest
import safetensors.torch
import tiny_clip
import torch
from tiny_clip import GREY, TINY

from sslapp.embedding import encoder as encoding
from sslapp.embedding import text_query
from sslapp.embedding.encoders import available, open_encoder, weights_file, weights_version
from sslapp.embedding.open_clip_encoder import encode_text

NO_ROWS = np.zeros(0, dtype=np.int64)


@pytest.fixture(scope="module")
def model() -> open_clip.CLIP:
    return tiny_clip.build()


@pytest.fixture
def weights(tmp_path: Path, model: open_clip.CLIP) -> Path:
    """The model as its two files lie in a workspace."""
    return tiny_clip.write(tmp_path / "weights", model)


def ask(weights: Path, text: str) -> np.ndarray:
    return text_query.text_vectors(weights, weights_version(weights), [text])[0]


def encode(encoder, source):
    return encoding.encode(
        encoder, source, NO_ROWS, seed=0, progress=lambda *_: None, should_stop=lambda: False
    )


def test_it_can_be_chosen_only_where_its_weights_lie(weights, tmp_path) -> None:
    assert "open_clip" in available(weights.parent)
    assert weights_file("open_clip", weights.parent) == weights
    for folder in (tmp_path, tmp_path / "absent"):
        assert available(folder) == ["pixels", "efficientnet-lite0", "efficientnet-lite2"]
        assert weights_file("open_clip", folder) is None
    with pytest.raises(ValueError, match=r"needs weights.*weights/open_clip\.safetensors"):
        open_encoder("open_clip")


def test_a_name_that_is_no_encoders_finds_no_file(weights) -> None:
    assert weights_file("../weights/open_clip", weights.parent) is None


def test_images_become_vectors_of_length_one_as_the_model_makes_them(
    weights, model, photo_crops, as_source
) -> None:
    encoded = encode(open_encoder("open_clip", weights), as_source(photo_crops))
    assert encoded.shape == (8, 24)
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(encoded, axis=1), 1, atol=1e-5)
    # by the package's own preprocessing, whose bicubic works on 8-bit pixels
    from PIL import Image

    prepare = open_clip.image_transform(32, False, mean=GREY["mean"], std=GREY["std"])
    x = torch.stack([prepare(Image.fromarray(each)) for each in photo_crops])
    with torch.inference_mode():
        expected = model.encode_image(x, normalize=True).numpy()
    assert (encoded * expected).sum(1).min() > 0.999


def test_it_is_repeatable_and_reads_grey_as_rgb(weights, photo_crops, as_source) -> None:
    encoder, grey = open_encoder("open_clip", weights), photo_crops[:2, ..., :1]
    first = encode(encoder, as_source(grey))
    np.testing.assert_array_equal(first, encode(encoder, as_source(grey)))
    np.testing.assert_array_equal(first, encode(encoder, as_source(grey.repeat(3, axis=3))))
    with pytest.raises(ValueError, match="4 channels"):
        encode(encoder, as_source(np.zeros((1, 8, 8, 4), np.uint8)))


@pytest.mark.slow
def test_a_sentence_becomes_the_vector_of_the_text_tower(weights, model) -> None:
    tokens = open_clip.SimpleTokenizer(context_length=16)(["a striped cat"])
    with torch.inference_mode():
        expected = model.encode_text(tokens, normalize=True)[0].numpy()
    np.testing.assert_allclose(encode_text(weights, ["a striped cat"])[0], expected, atol=1e-6)


@pytest.mark.slow
def test_a_process_of_its_own_answers_for_text_and_is_asked_once(weights, monkeypatch) -> None:
    asked = ask(weights, "a striped  cat")
    np.testing.assert_allclose(asked, encode_text(weights, ["a striped cat"])[0], atol=1e-6)

    def refuse(*_args, **_options):
        raise AssertionError("asked a second time")

    monkeypatch.setattr(text_query.subprocess, "run", refuse)
    np.testing.assert_array_equal(ask(weights, " a striped cat"), asked)


def test_a_text_that_takes_too_long_or_is_no_text_is_refused(weights, monkeypatch) -> None:
    monkeypatch.setattr(text_query, "TIMEOUT", 0.05)
    with pytest.raises(ValueError, match="not understood within"):
        ask(weights, "slow")
    for text in ("  ", "x" * 301):
        with pytest.raises(ValueError, match="1 to 300 characters"):
            ask(weights, text)


@pytest.mark.slow
def test_weights_that_do_not_fit_are_named_also_by_the_process(
    weights, monkeypatch, capsys
) -> None:
    safetensors.torch.save_file({"weight": torch.zeros(3)}, weights)
    with pytest.raises(ValueError, match=r"open_clip\.safetensors does not hold the weights"):
        open_encoder("open_clip", weights)
    given = SimpleNamespace(buffer=io.BytesIO(b"a cat"))
    monkeypatch.setattr(text_query.sys, "stdin", given)
    monkeypatch.setattr(text_query.sys, "argv", ["text_query", str(weights)])
    assert text_query.main() == 1, "what the process does, without loading all anew"
    said = capsys.readouterr().err
    assert "open_clip.safetensors does not hold the weights" in said.splitlines()[-1]


def test_the_last_line_of_a_process_that_fails_is_the_reason(
    weights, tmp_path, monkeypatch
) -> None:
    fails = tmp_path / "fails"
    fails.write_text("#!/bin/sh\necho Loading >&2\necho The weights do not fit. >&2\nexit 1\n")
    fails.chmod(0o700)
    monkeypatch.setattr(text_query.sys, "executable", str(fails))
    with pytest.raises(ValueError, match=r"could not be encoded: The weights do not fit\."):
        ask(weights, "a cat")


@pytest.mark.slow
def test_without_a_configuration_the_weights_must_be_those_of_vit_b_32(weights) -> None:
    weights.with_suffix(".json").unlink()
    with pytest.raises(ValueError, match="without it: ViT-B-32"):
        open_encoder("open_clip", weights)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"text_cfg": {"hf_model_name": "some/model"}}, r"config\.json of some/model.*Put it into"),
        ({"vision_cfg": {"timm_model_name": "hf-hub:some/model"}}, "no name of a network of timm"),
        ({"vision_cfg": {"timm_model_name": "local-dir:/tmp"}}, "no name of a network of timm"),
        ({"vision_cfg": {"timm_model_name": 3}}, "no name of a network of timm"),
        ({"vision_cfg": {"timm_model_name": "no_such"}}, "cannot build"),
        ({"multimodal_cfg": {}}, "cannot build"),
    ],
)
def test_a_configuration_that_reaches_for_a_hub_is_refused(
    weights, change, why, monkeypatch
) -> None:
    def no_network(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    changed = {
        name: {**TINY.get(name, {}), **value} if isinstance(value, dict) else value
        for name, value in change.items()
    }
    weights.with_suffix(".json").write_text(json.dumps({"model_cfg": {**TINY, **changed}}))
    with pytest.raises(ValueError, match=why):
        open_encoder("open_clip", weights)


@pytest.mark.parametrize("text", ["no json", "[]", '{"model_cfg": 3}', '{"model_cfg": {}}'])
def test_a_broken_configuration_is_named(weights, text) -> None:
    weights.with_suffix(".json").write_text(text)
    with pytest.raises(ValueError, match=r"open_clip\.json is no configuration"):
        open_encoder("open_clip", weights)


def test_a_pickled_file_under_that_name_is_not_executed(weights) -> None:
    torch.save({"weight": torch.zeros(3)}, weights)
    with pytest.raises(ValueError, match="does not hold the weights"):
        open_encoder("open_clip", weights)
