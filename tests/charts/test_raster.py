"""The density picture, pixel by pixel."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sslapp.charts.raster import FAINTEST, STRONGEST, Box, bounds, density

UNIT = Box(0.0, 0.0, 4.0, 4.0)
COLOURS = np.array([[255, 0, 0], [0, 0, 255], [10, 20, 30]], dtype=np.uint8)


def points(*at: tuple[float, float]) -> np.ndarray:
    return np.array(at, dtype=np.float32).reshape(-1, 2)


def test_up_is_up_and_the_far_edges_are_inside() -> None:
    xy = points((0.1, 3.9), (4.0, 0.0), (4.0, 4.0), (0.0, 0.0), (4.1, 2.0))
    drawn = density(xy, np.zeros(5, np.int16), COLOURS, UNIT, longest=4)
    assert drawn.shape == (4, 4, 4)
    filled = {(row, column) for row, column in np.argwhere(drawn[..., 3] > 0).tolist()}
    assert filled == {(0, 0), (3, 3), (0, 3), (3, 0)}


def test_a_pixel_has_the_mean_colour_of_its_points() -> None:
    xy = points((0.5, 0.5), (0.6, 0.4), (0.4, 0.6), (0.5, 0.7))
    drawn = density(xy, np.array([0, 0, 0, 1]), COLOURS, UNIT, longest=4)
    assert drawn[3, 0, :3].tolist() == [191, 0, 64]


def test_one_point_is_faint_and_a_crowd_is_strong_but_never_hides_what_is_below() -> None:
    xy = points((0.5, 0.5), *[(3.5, 3.5)] * 500)
    drawn = density(xy, np.zeros(501, np.int16), COLOURS, UNIT, longest=4)
    assert drawn[3, 0, 3] == round(255 * FAINTEST)
    assert drawn[0, 3, 3] == round(255 * STRONGEST)


def test_pixels_are_square_whatever_the_box() -> None:
    drawn = density(points((0, 0)), np.zeros(1, np.int8), COLOURS, Box(0, 0, 8, 2), longest=16)
    assert drawn.shape == (4, 16, 4)


def test_without_points_there_is_a_box_and_an_empty_picture() -> None:
    nothing = np.zeros((0, 2), np.float32)
    box = bounds(nothing)
    assert box.width > 0 and box.height > 0
    assert not density(nothing, np.zeros(0, np.int8), COLOURS, box, longest=8).any()
    alone = bounds(points((3.0, 3.0)))
    assert alone.width > 0 and alone.height > 0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300))
def test_filled_pixels_are_those_that_hold_a_point(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    xy = random.uniform(-1, 5, (count, 2)).astype(np.float32)
    codes = random.integers(0, 3, count)
    drawn = density(xy, codes, COLOURS, UNIT, longest=8)
    expected: dict[tuple[int, int], list[int]] = {}
    for (x, y), code in zip(xy.tolist(), codes.tolist(), strict=True):
        if 0 <= x <= 4 and 0 <= y <= 4:
            cell = (min(int((4 - y) * 2), 7), min(int(x * 2), 7))
            expected.setdefault(cell, []).append(code)
    assert {tuple(each) for each in np.argwhere(drawn[..., 3] > 0).tolist()} == set(expected)
    for (row, column), there in expected.items():
        mean = COLOURS[there].astype(float).mean(axis=0)
        np.testing.assert_allclose(drawn[row, column, :3], mean, atol=0.51)
