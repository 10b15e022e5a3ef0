"""Features made ready for distances: roots, centre, whitened components, length 1."""

import numpy as np
import pytest
import torch

from sslapp.methods.prototypes.preparation import ROWS_A_COMPONENT, fit_preparation


class Rows:
    def __init__(self, array):
        self.array = array.astype(np.float32)
        self.shape = array.shape
        self.views = frozenset({"clean"})

    def take(self, indices, view="clean"):
        return torch.from_numpy(self.array[indices])


def made(rows, dim):
    random = np.random.default_rng(0)
    return random.normal(size=(rows, dim)) @ random.normal(size=(dim, dim))


def test_whitened_features_have_unit_covariance_and_then_unit_length():
    x = made(500, 8)
    prepare = fit_preparation(Rows(x), np.arange(500), whiten=True)
    roots = np.sign(x) * np.sqrt(np.abs(x))
    white = (roots - prepare.mean.numpy()) @ prepare.basis.numpy().T
    assert white.shape == (500, 2)  # a quarter of the directions
    assert np.cov(white.T, bias=True) == pytest.approx(np.eye(2), abs=1e-3)
    lengths = prepare(torch.from_numpy(x)).norm(dim=1)
    assert lengths.numpy() == pytest.approx(np.ones(500))


@pytest.mark.parametrize(("rows", "kept"), [(2, 1), (3 * ROWS_A_COMPONENT, 3)])
def test_a_tiny_set_keeps_no_more_components_than_it_can_tell(rows, kept):
    prepare = fit_preparation(Rows(made(rows, 40)), np.arange(rows), whiten=True)
    assert prepare.basis.shape == (kept, 40)


def test_without_whitening_rows_are_centred_roots_of_length_1():
    x = made(50, 6)
    prepare = fit_preparation(Rows(x), np.arange(40), whiten=False)
    roots = np.sign(x) * np.sqrt(np.abs(x))
    centred = roots - roots[:40].mean(axis=0)
    expected = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    found = prepare.rows(Rows(x), np.arange(50))
    assert found.numpy() == pytest.approx(expected, abs=1e-5)
    assert prepare.rows(Rows(x), np.arange(0)).shape == (0, 6)
