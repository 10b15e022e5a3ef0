"""The UMAP map: repeatable, on one scale, near images near, others placed among a sample."""

import numpy as np
import pytest
import small_project
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

from sslapp import durable
from sslapp.embedding import pca
from sslapp.embedding.projection import pca_projection
from sslapp.embedding.umap_projection import LEAST_IMAGES, umap_projection
from sslapp.store.database import reading
from sslapp.store.embeddings import latest_embedding
from sslapp.usecases.images.maps import Projection, show_projection

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),  # UMAP is compiled when a machine uses it first
]


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    data = load_digits()
    return data.data[:250].astype(np.float32), data.target[:250]


def agreement(xy: np.ndarray, truth: np.ndarray) -> float:
    """Share of an image's five nearest on the map that are of its class."""
    near = NearestNeighbors(n_neighbors=6).fit(xy).kneighbors(xy, return_distance=False)[:, 1:]
    return float((truth[near] == truth[:, None]).mean())


@pytest.mark.slow
def test_a_map_keeps_classes_together_better_than_principal_components(digits) -> None:
    features, truth = digits
    xy = umap_projection(features, 0)
    assert (xy.shape, xy.dtype) == ((250, 2), np.float32)
    assert np.quantile(np.abs(xy), 0.99) == pytest.approx(1, abs=1e-4)
    assert agreement(xy, truth) > agreement(pca_projection(features, 0), truth) + 0.2
    np.testing.assert_array_equal(xy, umap_projection(features, 0))
    assert not np.array_equal(xy, umap_projection(features, 1))


@pytest.mark.slow
def test_beyond_the_sample_the_others_are_placed_among_it(digits, monkeypatch) -> None:
    features, truth = digits
    sampled = pca.sample_rows

    def few(rows, seed):
        return sampled(rows, seed, 160)

    monkeypatch.setattr(pca, "sample_rows", few)
    seen: list[tuple[int, int, str]] = []
    xy = umap_projection(features, 0, lambda *told: seen.append(told))
    assert seen == [
        (0, 250, "preparing UMAP"),
        (0, 250, "laying out 160 images"),
        (160, 250, "placing the other images"),
        (250, 250, "saving the map"),
    ]
    from umap import umap_, utils  # takes seconds, which a run of other tests need not spend

    compiled = (umap_.smooth_knn_dist, umap_.compute_membership_strengths, utils.submatrix)
    assert all(each.stats.cache_path for each in compiled), "the next process finds it"
    others = np.setdiff1d(np.arange(250), few(np.arange(250), 0))
    assert (xy[others] != 0).any(axis=1).all()
    assert agreement(xy, truth) > 0.75
    np.testing.assert_array_equal(xy, umap_projection(features, 0))


def test_the_map_of_a_project_is_that_of_its_features(project) -> None:
    small_project.finish(project, show_projection(project, 1, Projection.UMAP))
    with reading(project.engine) as conn:
        row = latest_embedding(conn, 1)
    stored, features = (
        durable.read_array(project.workspace.path(row[name])) for name in ("projection", "features")
    )
    np.testing.assert_array_equal(stored, umap_projection(features, 0))


def test_few_or_equal_images(digits) -> None:
    features, _ = digits
    with pytest.raises(ValueError, match=f"at least {LEAST_IMAGES} images; here are 14"):
        umap_projection(features[:14], 0)
    assert np.isfinite(umap_projection(features[:LEAST_IMAGES], 0)).all()
    np.testing.assert_array_equal(umap_projection(np.ones((40, 3), np.float32), 0), 0)
    nearly = np.ones((40, 3), np.float32)
    nearly[7] = 2
    assert np.isfinite(umap_projection(nearly, 0)).all()
