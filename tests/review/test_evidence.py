import numpy as np
import pytest

from sslapp.embedding.index import NeighbourIndex
from sslapp.review.evidence import disagreement, evidence


@pytest.fixture
def line() -> NeighbourIndex:
    """Ten images at 0, 1, ..., 9 on a line."""
    return NeighbourIndex(np.arange(10, dtype=np.float32)[:, None], "l2")


def test_evidence_is_the_nearest_labelled_images_with_their_classes(line):
    labels = np.array([0, -1, 1, -1, -1, -1, -1, 2, -1, 0])
    found = evidence(line, np.array([3, 8]), np.array([0, 2, 7, 9]), labels, k=3)
    assert found.neighbours.tolist() == [[2, 0, 7], [7, 9, 2]]
    assert found.classes.tolist() == [[1, 0, 2], [2, 0, 1]]
    np.testing.assert_allclose(found.distances, [[1, 3, 4], [1, 1, 6]], rtol=1e-5)


def test_an_accepted_pseudo_label_next_door_is_no_evidence(line):
    labels = np.array([0, 1, -1, -1, -1, -1, -1, -1, -1, -1])
    found = evidence(line, np.array([2]), np.array([0]), labels)
    assert found.neighbours.tolist() == [[0]]


def test_a_labelled_image_is_not_its_own_evidence(line):
    labels = np.full(10, 0)
    found = evidence(line, np.array([4]), np.array([4, 9]), labels, k=5)
    assert found.neighbours.tolist() == [[9]]


def test_a_label_that_does_not_exist_is_refused(line):
    with pytest.raises(ValueError, match="without a label"):
        evidence(line, np.array([4]), np.array([1]), np.full(10, -1))


def test_disagreement_weighs_near_neighbours_more(line):
    labels = np.array([0, -1, 1, -1, -1, -1, -1, 2, -1, 0])
    found = evidence(line, np.array([3, 3, 3]), np.array([0, 2, 7]), labels, k=3)
    one, half, third = 1, 1 / 2, 1 / 3
    total = one + half + third
    np.testing.assert_allclose(
        disagreement(found, np.array([1, 0, 3])),
        [(half + third) / total, (one + third) / total, 1],
        rtol=1e-6,
    )


def test_without_any_labelled_image_nothing_speaks_for_a_proposal(line):
    found = evidence(line, np.array([3, 5]), np.zeros(0, dtype=np.int64), np.full(10, -1))
    assert found.neighbours.shape == (2, 0)
    assert disagreement(found, np.array([0, 1])).tolist() == [1, 1]
