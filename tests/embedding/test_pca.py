import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from sslapp.embedding import pca
from sslapp.embedding.projection import pca_projection


def test_components_from_batches_equal_a_singular_value_decomposition():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 6)) @ np.diag([9, 5, 3, 1, 0.5, 0.1]) + 1000
    found = pca.fit(iter([rows[:7], rows[7:300], rows[300:]]), 3)
    centred = rows - rows.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found.mean, rows.mean(axis=0))
    np.testing.assert_allclose(found.variances, sizes[:3] ** 2 / 500, rtol=1e-5)
    np.testing.assert_allclose(np.abs(found.axes), np.abs(axes[:3]), atol=1e-4)
    assert found.total == pytest.approx((centred**2).sum() / 500)


def test_wide_rows_have_the_components_of_the_exact_decomposition():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 1100)) * 40 / np.arange(1, 1101)
    found = pca.fit([rows], 5)
    with threadpool_limits(limits=1):  # many small products: slow with threads on a busy machine
        _, sizes, axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(found.variances, sizes[:5] ** 2 / 200, rtol=1e-5)
    np.testing.assert_allclose(np.abs((found.axes * axes[:5]).sum(axis=1)), 1, atol=1e-5)


def test_the_largest_entry_of_every_axis_is_positive():
    rows = np.random.default_rng(1).normal(size=(100, 5))
    for part in (rows, -rows):
        axes = pca.fit([part], 5).axes
        assert (axes[np.arange(5), np.abs(axes).argmax(axis=1)] > 0).all()


def test_no_rows_have_no_components():
    with pytest.raises(ValueError, match="at least one row"):
        pca.fit([], 2)


def test_projection_is_the_two_main_axes_on_one_scale():
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(2000, 5)) * [1, 8, 0.1, 4, 0.1]).astype(np.float32)
    projection = pca_projection(features, seed=0)
    assert projection.shape == (2000, 2)
    assert projection.dtype == np.float32
    assert abs(np.corrcoef(projection[:, 0], features[:, 1])[0, 1]) > 0.999
    assert abs(np.corrcoef(projection[:, 1], features[:, 3])[0, 1]) > 0.999
    assert projection[:, 0].std() / projection[:, 1].std() == pytest.approx(2, rel=0.1)
    assert np.quantile(np.abs(projection), 0.99) == pytest.approx(1, rel=1e-3)


def test_projection_does_not_flip_when_images_are_appended():
    features = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32) * [4, 3, 1, 1]
    before = pca_projection(features[:290].astype(np.float32), seed=0)
    after = pca_projection(features.astype(np.float32), seed=0)
    assert (np.sign(before) == np.sign(after[:290])).mean() > 0.95


def test_a_large_set_is_projected_from_a_sample_drawn_with_the_seed():
    features = np.random.default_rng(0).normal(size=(21_000, 3)).astype(np.float32)
    features *= np.array([3, 2, 1], np.float32)
    first = pca_projection(features, seed=1)
    np.testing.assert_array_equal(first, pca_projection(features, seed=1))
    assert not np.array_equal(first, pca_projection(features, seed=2))


@pytest.mark.parametrize("shape", [(0, 4), (1, 4), (3, 4), (3, 1)])
def test_projection_of_few_or_equal_images_is_finite(shape):
    projection = pca_projection(np.full(shape, 7, np.float32), seed=0)
    np.testing.assert_array_equal(projection, np.zeros((shape[0], 2)))


def test_one_outlier_does_not_hide_that_the_projection_has_a_spread():
    features = np.zeros((1000, 2), np.float32)
    features[0] = [5, 0]
    projection = pca_projection(features, seed=0)
    assert np.isfinite(projection).all()
    assert np.abs(projection).max() > 0.5
