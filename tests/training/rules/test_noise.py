"""Noise and dropout: their sizes, and that they follow their generator."""

import pytest
import torch

from sslapp.training.rules import noise


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_noise_has_its_deviation_and_follows_its_generator():
    images = torch.ones(64, 1, 16, 16, dtype=torch.float64)
    noisy = noise.gaussian(images, 0.15, generator())
    assert noisy.std().item() == pytest.approx(0.15, rel=0.02)
    assert noisy.mean().item() == pytest.approx(1, abs=0.01)
    assert noisy.equal(noise.gaussian(images, 0.15, generator()))
    assert not noisy.equal(noise.gaussian(images, 0.15, generator(1)))


def test_dropout_keeps_the_mean():
    features = torch.ones(200, 50)
    thinned = noise.dropout(features, 0.25, generator())
    assert thinned.unique().tolist() == pytest.approx([0, 4 / 3])
    assert thinned.mean().item() == pytest.approx(1, abs=0.02)


def test_nothing_is_drawn_for_nothing():
    values, drawing = torch.ones(2, 3), generator()
    assert noise.gaussian(values, 0, drawing) is values
    assert noise.dropout(values, 0, drawing) is values
    assert drawing.get_state().equal(generator().get_state())
