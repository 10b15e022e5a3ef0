"""The quick way to a round's proposals gives exactly what the plain one does."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslapp.review import proposals
from sslapp.review.candidates import candidates
from sslapp.review.proposals import best_classes, by_doubt, likeliest_columns
from sslapp.training.calibration.scaling import Temperature, Vector

NOTHING = np.zeros(0, dtype=np.int64)


@st.composite
def rounds(draw):
    count, classes = draw(st.integers(0, 60)), draw(st.integers(1, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    raw = random.dirichlet(np.full(classes, 0.4), count).astype(np.float32)
    raw[random.random(raw.shape) < draw(st.sampled_from([0.0, 0.3]))] = 0  # ties, and no mass
    raw = np.round(raw, draw(st.sampled_from([1, 7])))
    forbidden = random.random((count, classes)) < draw(st.sampled_from([0.0, 0.02, 0.5]))
    return raw, forbidden, random.random(count) < 0.7


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(rounds(), st.sampled_from([0.5, 1.0, 2.3]))
def test_proposals_are_the_candidates_at_threshold_zero(made, temperature) -> None:
    raw, forbidden, eligible = made
    found = by_doubt(best_classes(raw, Temperature(temperature), forbidden), eligible)
    plain = candidates(
        Temperature(temperature).apply(raw), np.flatnonzero(eligible), 0.0, forbidden, NOTHING
    )
    np.testing.assert_array_equal(found.positions, plain.positions)
    np.testing.assert_array_equal(found.columns, plain.columns)
    np.testing.assert_array_equal(found.confidence, plain.confidence)


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    raw = random.dirichlet(np.ones(3), 50).astype(np.float32)
    forbidden = random.random(raw.shape) < 0.1
    whole = best_classes(raw, Temperature(1.7), forbidden)
    monkeypatch.setattr(proposals, "CHUNK", 7)
    parts = best_classes(raw, Temperature(1.7), forbidden)
    np.testing.assert_array_equal(whole.columns, parts.columns)
    np.testing.assert_array_equal(whole.confidence, parts.confidence)


def test_the_likeliest_classes_of_many_images_need_no_second_table() -> None:
    random = np.random.default_rng(0)
    raw = random.dirichlet(np.ones(10), 8 * proposals.CHUNK).astype(np.float32)
    scaling = Vector(1.4, (0.8,) * 10, (2.0, *[0.0] * 9))
    tracemalloc.start()
    found = likeliest_columns(raw, scaling)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most - found.nbytes < raw.nbytes
    assert found.tolist() == scaling.columns(raw).tolist()
    assert likeliest_columns(raw, Temperature(1.4)).tolist() == raw.argmax(axis=1).tolist()


def test_a_table_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="forbidden"):
        best_classes(np.full((3, 2), 0.5, np.float32), Temperature(1.0), np.zeros((3, 3), bool))
