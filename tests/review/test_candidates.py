import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslapp.review.candidates import candidates, counts_by_class, threshold_curve

NONE = np.zeros(0, dtype=np.int64)


def rows(*values):
    return np.array(values, dtype=np.float32)


def allowed(shape):
    return np.zeros(shape, dtype=bool)


@st.composite
def situations(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, classes = draw(st.integers(1, 40)), draw(st.integers(2, 6))
    probabilities = rng.dirichlet(np.full(classes, 0.4), count).astype(np.float32)
    forbidden = rng.random((count, classes)) < draw(st.sampled_from([0, 0.3, 0.8]))
    eligible = rng.permutation(count)[: draw(st.integers(0, count))]
    withheld = rng.permutation(count)[: draw(st.integers(0, count))]
    return probabilities, eligible, forbidden, withheld


@settings(max_examples=150, deadline=None)
@given(situations(), st.floats(0, 1))
def test_candidates_equal_the_definition_row_by_row(situation, threshold):
    probabilities, eligible, forbidden, withheld = situation
    found = candidates(probabilities, eligible, threshold, forbidden, withheld)
    expected = {}
    for position in set(eligible) - set(withheld):
        free = np.flatnonzero(~forbidden[position])
        mass = probabilities[position, free].sum()
        if len(free) < 2 or mass == 0 or len(set(probabilities[position, free])) == 1:
            continue
        best = free[probabilities[position, free].argmax()]
        confidence = probabilities[position, best] / mass
        if abs(confidence - threshold) < 1e-5:
            return  # the two sums may round to different sides
        if confidence >= threshold:
            expected[int(position)] = (int(best), confidence)
    assert set(found.positions) == set(expected)
    for position, column, confidence in zip(
        found.positions, found.columns, found.confidence, strict=True
    ):
        assert column == expected[position][0]
        assert confidence == pytest.approx(expected[position][1], rel=1e-5)
        assert not forbidden[position, column]
    assert (np.diff(found.confidence) >= 0).all()


@settings(max_examples=60, deadline=None)
@given(situations(), st.lists(st.floats(0, 1, width=32), min_size=1, max_size=6))
def test_the_curve_counts_what_each_threshold_would_propose(situation, grid):
    probabilities, eligible, forbidden, withheld = situation
    thresholds = np.array(grid, dtype=np.float32)
    curve = threshold_curve(probabilities, eligible, thresholds, forbidden, withheld)
    for at, threshold in enumerate(thresholds):
        found = candidates(probabilities, eligible, float(threshold), forbidden, withheld)
        assert curve.counts[at] == len(found)
        assert curve.coverage[at] == (len(found) / len(eligible) if len(eligible) else 0)
        expected = counts_by_class(found, probabilities.shape[1])
        np.testing.assert_array_equal(curve.by_class[at], expected)


def test_a_rejected_class_gives_way_to_the_next_one_at_renormalised_confidence():
    forbidden = allowed((1, 3))
    forbidden[0, 0] = True
    found = candidates(rows([0.6, 0.3, 0.1]), np.array([0]), 0.5, forbidden, NONE)
    assert found.columns.tolist() == [1]
    assert found.confidence[0] == pytest.approx(0.75)


def test_the_one_class_left_is_not_proposed_by_itself():
    forbidden = np.array([[True, False], [True, True], [False, False]])
    found = candidates(rows([0.9, 0.1], [0.5, 0.5], [0.2, 0.8]), np.arange(3), 0.0, forbidden, NONE)
    assert found.positions.tolist() == [2]


def test_what_no_label_reaches_is_no_candidate_at_any_threshold():
    table = np.array([[1 / 3, 1 / 3, 1 / 3], [0.4, 0.3, 0.3], [0, 0.5, 0.5]], dtype=np.float32)
    nothing, nobody = np.zeros_like(table, dtype=bool), np.zeros(0, dtype=np.int64)
    found = candidates(table, np.arange(3), 0.0, nothing, nobody)
    assert found.positions.tolist() == [1, 2]  # of the last one class at least is ruled out
    forbidden = nothing.copy()
    forbidden[2, 0] = forbidden[1, 0] = True
    assert len(candidates(table, np.arange(3), 0.0, forbidden, nobody)) == 0


def test_the_most_doubtful_come_first_and_equals_by_position():
    probabilities = rows([0.9, 0.1], [0.7, 0.3], [0.3, 0.7], [0.8, 0.2])
    found = candidates(probabilities, np.array([3, 2, 1, 0]), 0.5, allowed((4, 2)), NONE)
    assert found.positions.tolist() == [1, 2, 3, 0]
    assert found.columns.tolist() == [0, 1, 0, 0]


def test_each_class_can_have_its_own_threshold():
    probabilities = rows([0.9, 0.1], [0.7, 0.3], [0.3, 0.7], [0.4, 0.6])
    limits = np.array([0.8, 0.65], dtype=np.float32)
    found = candidates(probabilities, np.arange(4), limits, allowed((4, 2)), NONE)
    assert sorted(found.positions.tolist()) == [0, 2]
    assert counts_by_class(found, 2).tolist() == [1, 1]


def test_a_confidence_equal_to_the_threshold_is_enough():
    found = candidates(rows([0.95, 0.05]), np.array([0]), 0.95, allowed((1, 2)), NONE)
    assert len(found) == 1
    grid = np.array([0.94, 0.95, 0.96], dtype=np.float32)
    curve = threshold_curve(rows([0.95, 0.05]), np.array([0]), grid, allowed((1, 2)), NONE)
    assert curve.counts.tolist() == [1, 1, 0]


def test_arrays_that_do_not_fit_are_refused():
    probabilities = rows([0.9, 0.1])
    with pytest.raises(ValueError, match="thresholds: expected one number or 2"):
        candidates(probabilities, NONE, np.zeros(3, np.float32), allowed((1, 2)), NONE)
    with pytest.raises(ValueError, match="forbidden: expected shape"):
        candidates(probabilities, NONE, 0.5, allowed((1, 3)), NONE)
    with pytest.raises(ValueError, match="imported after it"):
        candidates(probabilities, np.array([1]), 0.5, allowed((1, 2)), NONE)
