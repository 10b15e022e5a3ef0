"""How far members differ: worked by hand, with forbidden classes, and in chunks."""

import numpy as np
import pytest

from sslapp.review import disagreement
from sslapp.review.disagreement import NOTHING, opinions

LOG2, LOG3 = 0.693147, 1.098612


def one(*members, forbidden=()):
    """What members say of one image."""
    stored = np.array([members], dtype=np.float16)
    ruled_out = np.isin(np.arange(stored.shape[2]), forbidden)[None]
    return opinions(stored, np.array([0]), ruled_out)


@pytest.mark.parametrize(
    ("members", "nats"),
    [
        # H(1/2, 1/2) - (H(1, 0) + H(0, 1)) / 2 = log 2 - 0
        ([[1, 0], [0, 1]], LOG2),
        # three that are sure of three classes: log 3
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], LOG3),
        # two against one: H(2/3, 1/3) = log 3 - 2/3 log 2
        ([[1, 0], [1, 0], [0, 1]], LOG3 - 2 / 3 * LOG2),
        # H(5/8, 3/8) - (H(3/4, 1/4) + H(1/2, 1/2)) / 2 = .661563 - (.562335 + .693147) / 2
        ([[0.75, 0.25], [0.5, 0.5]], 0.033822),
        # torn in the same way: doubt, and no difference
        ([[0.5, 0.5], [0.5, 0.5]], 0.0),
        ([[0.25, 0.75, 0]], 0.0),
    ],
)
def test_the_divergence_is_that_worked_by_hand(members, nats) -> None:
    assert one(*members).divergence == pytest.approx([nats], abs=1e-5)


def test_what_each_member_says_is_its_likeliest_class_and_its_share() -> None:
    found = one([0.125, 0.625, 0.25], [0.5, 0.25, 0.25])
    assert found.columns.tolist() == [[1, 0]]
    assert found.shares.tolist() == [[0.625, 0.5]]


def test_a_forbidden_class_is_masked_out_and_the_rest_brought_back_to_one() -> None:
    # without the first class: (3/4, 1/4) and (1/2, 1/2)
    found = one([0.5, 0.375, 0.125], [0.0, 0.5, 0.5], forbidden=[0])
    assert found.divergence == pytest.approx([0.033822], abs=1e-5)
    assert found.columns.tolist() == [[1, 1]]
    assert found.shares.tolist() == [[0.75, 0.5]]


def test_with_fewer_than_two_classes_left_nobody_says_anything() -> None:
    for forbidden in ([0, 1], [0, 1, 2]):
        found = one([0.5, 0.25, 0.25], [0.0, 0.0, 1.0], forbidden=forbidden)
        assert (found.divergence.tolist(), found.shares.tolist()) == ([0], [[0, 0]])
        assert found.columns.tolist() == [[NOTHING, NOTHING]]


def test_a_member_that_is_sure_of_a_forbidden_class_is_left_out() -> None:
    # the other two are sure of two classes: the mean is over them alone
    found = one([1, 0, 0], [0, 1, 0], [0, 0, 1], forbidden=[0])
    assert found.divergence == pytest.approx([LOG2], abs=1e-5)
    assert found.columns.tolist() == [[NOTHING, 1, 2]]
    assert found.shares.tolist() == [[0, 1, 1]]
    alone = one([1, 0, 0], [0, 1, 0], forbidden=[0])
    assert alone.divergence.tolist() == [0]


def test_rows_are_taken_as_asked_and_chunks_change_nothing(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    stored = rng.dirichlet(np.full(6, 0.3), (50, 4)).astype(np.float16)
    positions = rng.permutation(50)[:31]
    forbidden = rng.random((31, 6)) < 0.2
    whole = opinions(stored, positions, forbidden)
    monkeypatch.setattr(disagreement, "CHUNK", 7 * 4 * 6)
    parts = opinions(stored, positions, forbidden)
    np.testing.assert_array_equal(whole.columns, parts.columns)
    np.testing.assert_allclose(whole.divergence, parts.divergence, atol=1e-6)
    np.testing.assert_array_equal(whole.shares, parts.shares)
    for row in (0, 17, 30):
        p = np.where(forbidden[row], 0, stored[positions[row]].astype(np.float64))
        p /= p.sum(axis=1, keepdims=True)
        logs = np.log(p, out=np.zeros_like(p), where=p > 0)
        mean = p.mean(axis=0)
        joint = -(mean * np.log(np.where(mean > 0, mean, 1))).sum()
        assert whole.divergence[row] == pytest.approx(joint + (p * logs).sum(1).mean(), abs=1e-5)
    assert (whole.divergence >= 0).all() and (whole.divergence <= np.log(4)).all()


def test_of_no_images_nothing_is_said() -> None:
    stored = np.full((3, 2, 4), 0.25, dtype=np.float16)
    found = opinions(stored, np.zeros(0, dtype=np.int64), np.zeros((0, 4), dtype=bool))
    assert (found.divergence.shape, found.columns.shape) == ((0,), (0, 2))


def test_shapes_that_do_not_fit_are_named() -> None:
    stored = np.full((3, 2, 4), 0.25, dtype=np.float16)
    with pytest.raises(ValueError, match=r"forbidden: expected shape \(2, 4\), got \(3, 4\)"):
        opinions(stored, np.array([0, 1]), np.zeros((3, 4), dtype=bool))
