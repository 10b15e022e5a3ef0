import faiss
import numpy as np
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from sslapp.embedding import index as index_module
from sslapp.embedding.index import NeighbourIndex


def by_brute_force(features, queries, k, subset, metric):
    """Distances of all pairs in float64; the lower position first among equals."""
    rows, asked = features.astype(np.float64), queries.astype(np.float64)
    if metric == "cosine":
        unit = [
            x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30) for x in (asked, rows)
        ]
        distances = 1 - unit[0] @ unit[1].T
    else:
        distances = np.sqrt(((asked[:, None] - rows[None]) ** 2).sum(axis=2))
    distances = distances[:, subset]
    order = np.lexsort((np.broadcast_to(subset, distances.shape), distances.round(12)), axis=1)
    order = order[:, :k]
    return np.take_along_axis(distances, order, 1), subset[order]


@settings(max_examples=60, deadline=None)
@given(data=st.data(), metric=st.sampled_from(["cosine", "l2"]))
def test_search_in_a_subset_equals_brute_force(data, metric):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    count, width = data.draw(st.integers(1, 120)), data.draw(st.integers(1, 8))
    features = rng.normal(size=(count, width)).astype(np.float32)
    queries = rng.normal(size=(data.draw(st.integers(1, 30)), width)).astype(np.float32)
    subset = np.sort(rng.choice(count, data.draw(st.integers(1, count)), replace=False))
    k = data.draw(st.integers(1, 40))
    distances, positions = NeighbourIndex(features, metric).search(queries, k, subset=subset)
    expected, _ = by_brute_force(features, queries, k, subset, metric)
    assert positions.shape == (len(queries), min(k, len(subset)))
    assert np.isin(positions, subset).all()
    np.testing.assert_allclose(distances, expected, atol=2e-6)
    for row in positions:
        assert len(set(row)) == len(row)


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_equally_near_rows_come_in_the_order_of_their_positions(metric):
    """Integer features have many exact ties, more than are fetched beyond k."""
    rng = np.random.default_rng(0)
    features = rng.integers(1, 3, (600, 3)).astype(np.float32)
    index = NeighbourIndex(features, metric)
    subset = np.sort(rng.choice(600, 400, replace=False))
    _, positions = index.search(features[:50], 7, subset=subset[::-1].copy())
    _, expected = by_brute_force(features, features[:50], 7, subset, metric)
    np.testing.assert_array_equal(positions, expected)


def test_a_result_does_not_depend_on_the_queries_asked_with_it():
    features = np.random.default_rng(0).normal(size=(3000, 32)).astype(np.float32)
    index = NeighbourIndex(features)
    together = index.search(features[:700], 9)
    for row in (0, 511, 512, 699):
        alone = index.search(features[row : row + 1], 9)
        np.testing.assert_array_equal(together[0][row], alone[0][0])
        np.testing.assert_array_equal(together[1][row], alone[1][0])


def test_a_large_common_offset_does_not_blur_euclidean_neighbours():
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(500, 4)) + 3000).astype(np.float32)
    _, positions = NeighbourIndex(features, "l2").search(features[:40], 5)
    _, expected = by_brute_force(features, features[:40], 5, np.arange(500), "l2")
    np.testing.assert_array_equal(positions, expected)


class LastAmongEquals:
    """A FAISS index that keeps the last of equally near rows, as another device may."""

    def __init__(self, rows):
        self._count = len(rows)
        self._index = faiss.IndexFlatL2(rows.shape[1])
        self._index.add(np.ascontiguousarray(rows[::-1]))

    def search(self, queries, k):
        distances, found = self._index.search(queries, k)
        return distances, self._count - 1 - found


def test_the_order_among_equals_is_not_left_to_faiss(monkeypatch):
    monkeypatch.setattr(index_module, "_flat_index", LastAmongEquals)
    features = np.random.default_rng(0).integers(1, 3, (600, 3)).astype(np.float32)
    _, positions = NeighbourIndex(features, "l2").search(features[:50], 7)
    _, expected = by_brute_force(features, features[:50], 7, np.arange(600), "l2")
    np.testing.assert_array_equal(positions, expected)


def test_more_neighbours_than_faiss_fetches_are_found_all_the_same():
    features = np.random.default_rng(0).normal(size=(2500, 2)).astype(np.float32)
    _, positions = NeighbourIndex(features, "l2").search(features[:2], 2400)
    _, expected = by_brute_force(features, features[:2], 2400, np.arange(2500), "l2")
    np.testing.assert_array_equal(positions, expected)


def test_k_shrinks_to_the_subset_and_an_empty_subset_has_no_neighbours():
    index = NeighbourIndex(np.eye(6, dtype=np.float32))
    assert index.search(np.ones((2, 6), np.float32), 5, subset=np.array([1, 4]))[1].shape == (2, 2)
    distances, positions = index.search(
        np.ones((2, 6), np.float32), 5, subset=np.zeros(0, dtype=np.int64)
    )
    assert distances.shape == positions.shape == (2, 0)
    assert distances.dtype == np.float32
    assert positions.dtype == np.int64
    assert len(index.search(np.ones((0, 6), np.float32), 5)[1]) == 0


def test_no_image_is_its_own_neighbour_but_its_duplicate_is():
    features = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    features[7] = features[3]
    index = NeighbourIndex(features)
    positions = np.array([3, 7, 20])
    distances, found = index.neighbours(positions, 4)
    assert found.shape == (3, 4)
    assert not (found == positions[:, None]).any()
    assert (found[0, 0], found[1, 0]) == (7, 3)
    assert distances[0, 0] == distances[1, 0] == 0
    own, _ = index.neighbours(positions, 4, exclude_self=False)
    assert (own[:, 0] == 0).all()


def test_neighbours_in_a_subset_shrink_by_one_only_if_an_image_is_in_it():
    index = NeighbourIndex(np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32))
    subset = np.array([2, 5, 8])
    assert index.neighbours(np.array([0, 1]), 9, subset)[1].shape == (2, 3)
    inside = index.neighbours(np.array([0, 5]), 9, subset)[1]
    assert inside.shape == (2, 2)
    assert set(inside[1]) == {2, 8}


def test_a_zero_vector_lies_between_like_and_opposite_directions():
    index = NeighbourIndex(np.array([[1, 0], [-1, 0], [0, 0]], np.float32))
    distances, positions = index.search(np.array([[2, 0]], np.float32), 3)
    assert positions[0].tolist() == [0, 2, 1]
    assert distances[0, 0] == 0
    assert distances[0, 2] == pytest.approx(2)


def test_broken_features_and_foreign_positions_are_refused():
    with pytest.raises(ValueError, match="finite"):
        NeighbourIndex(np.array([[1, np.nan]], np.float32))
    index = NeighbourIndex(np.eye(3, dtype=np.float32))
    with pytest.raises(ValueError, match=r"outside 0\.\.2"):
        index.search(np.ones((1, 3), np.float32), 1, subset=np.array([3]))
    with pytest.raises(ValueError, match="queries"):
        index.search(np.ones((1, 4), np.float32), 1)


@pytest.fixture
def forgotten_gpu():
    """The GPU is looked for anew, before the test and after it, and no command filters the log."""
    structlog.reset_defaults()
    index_module._gpu.cache_clear()
    yield
    index_module._gpu.cache_clear()


def test_without_a_gpu_the_log_says_so_once(forgotten_gpu, monkeypatch):
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 0)
    with capture_logs() as lines:
        for _ in range(3):
            NeighbourIndex(np.eye(3, dtype=np.float32)).search(np.eye(3, dtype=np.float32), 1)
    assert [line["event"] for line in lines] == ["faiss_on_cpu"]


def test_a_gpu_that_cannot_be_used_is_replaced_by_the_cpu(forgotten_gpu, monkeypatch):
    def refuse(*_):
        raise RuntimeError("CUDA error 35")

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "StandardGpuResources", object)
    monkeypatch.setattr(faiss, "index_cpu_to_gpu", refuse)
    with capture_logs() as lines:
        found = NeighbourIndex(np.eye(3, dtype=np.float32)).search(np.eye(3, dtype=np.float32), 1)
    assert found[1].ravel().tolist() == [0, 1, 2]
    assert "CUDA error 35" in lines[0]["reason"]


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_pairs_within_a_radius_are_those_of_all_distances(metric) -> None:
    rng = np.random.default_rng(5)
    features = rng.normal(size=(60, 8)).astype(np.float32)
    features[7] = features[3]
    index = NeighbourIndex(features, metric)
    distances, positions = index.neighbours(np.arange(60), 59)
    radius = float(np.quantile(distances, 0.1))
    near = {
        (row, int(other))
        for row in range(60)
        for far, other in zip(distances[row], positions[row], strict=True)
        if far <= radius
    }
    asked = np.arange(0, 60, 2)
    found = index.within(asked, radius)
    assert {tuple(each) for each in found.tolist()} == {each for each in near if each[0] % 2 == 0}
    assert index.within(np.array([3]), 0.0).tolist() == [[3, 7]], "equal rows lie at no distance"
