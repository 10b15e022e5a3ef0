"""Rows of pictures and the images that they are of."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sslapp.imaging.picture_rows import PictureRows


def test_rows_of_three_images() -> None:
    rows = PictureRows.of([2, 1, 3])
    assert rows.total == 6
    assert rows.owner.tolist() == [0, 0, 1, 2, 2, 2]
    assert rows.of_images(np.array([2, 0])).tolist() == [3, 4, 5, 0, 1]
    assert rows.of_images(np.zeros(0, np.int64)).tolist() == []
    assert [rows.place(each) for each in (0, 1, 2, 5)] == [(0, 0), (0, 1), (1, 0), (2, 2)]
    values = np.array([[1.0], [3.0], [5.0], [0.0], [0.0], [9.0]])
    assert rows.mean(values, np.arange(3)).ravel().tolist() == [2.0, 5.0, 3.0]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=9), st.data())
def test_pictures_of_images_are_theirs_and_means_stay_between(counts, data) -> None:
    rows = PictureRows.of(counts)
    images = np.array(data.draw(st.lists(st.integers(0, len(counts) - 1), min_size=1)), np.int64)
    found = rows.of_images(images)
    assert rows.owner[found].tolist() == np.repeat(images, np.array(counts)[images]).tolist()
    np.testing.assert_array_equal(
        rows.mean(found[:, None].astype(float), images).ravel(),
        [np.float32(np.mean(np.flatnonzero(rows.owner == each))) for each in images],
    )
