import numpy as np
import pytest

from sslapp.review.agreement import flips


def test_flips_are_the_images_whose_likeliest_class_changed():
    before = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]], dtype=np.float32)
    after = np.array([[0.6, 0.4], [0.7, 0.3], [0.9, 0.1], [0.1, 0.9]], dtype=np.float32)
    found = flips(before, after, np.array([3, 0, 1]))
    assert found.positions.tolist() == [1, 3]
    assert found.before.tolist() == [1, 0]
    assert found.after.tolist() == [0, 1]
    assert found.share == pytest.approx(2 / 3)


def test_images_imported_between_the_rounds_are_left_out():
    before = np.array([[0.9, 0.1]], dtype=np.float32)
    after = np.array([[0.1, 0.9], [0.1, 0.9]], dtype=np.float32)
    found = flips(before, after, np.array([0, 1]))
    assert (found.positions.tolist(), found.compared) == ([0], 1)
    assert flips(before, after, np.array([1])).share is None


def test_rounds_of_different_class_lists_are_not_compared():
    with pytest.raises(ValueError, match="2 and 3 classes"):
        flips(np.zeros((1, 2), np.float32), np.zeros((1, 3), np.float32), np.array([0]))
