import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslapp.review.selection import inside

COORDINATES = st.integers(-6, 6)
CORNERS = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=3, max_size=9)


def on_outline(polygon, x, y):
    for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        turned = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
        if turned == 0 and min(x1, x2) <= x <= max(x1, x2) and min(y1, y2) <= y <= max(y1, y2):
            return True
    return False


def crossings_upwards(polygon, x, y):
    """Edges that a ray straight up from (x, y) crosses, in exact arithmetic."""
    count = 0
    for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if (x1 <= x) != (x2 <= x):
            count += y1 + Fraction(y2 - y1) * (x - x1) / (x2 - x1) > y
    return count


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(CORNERS)
def test_inside_equals_an_exact_ray_in_another_direction(polygon):
    grid = [(Fraction(x, 2), Fraction(y, 2)) for x in range(-13, 14) for y in range(-13, 14)]
    clear = [(x, y) for x, y in grid if not on_outline(polygon, x, y)]
    expected = [crossings_upwards(polygon, x, y) % 2 == 1 for x, y in clear]
    found = inside(np.array(polygon, dtype=float), np.array(clear, dtype=float))
    assert found.tolist() == expected


def test_the_middle_of_a_star_that_is_surrounded_twice_is_outside():
    turns = np.arange(5) * 2 * 2 * np.pi / 5
    star = np.stack([np.sin(turns), np.cos(turns)], axis=1)
    assert inside(star, np.array([[0.0, 0.0], [0.0, 0.8]])).tolist() == [False, True]


def test_neighbouring_polygons_share_no_point_and_leave_none_out():
    ticks = np.linspace(0, 4, 17)
    points = np.array([(x, y) for x in ticks[:-1] for y in ticks[:-1]])
    left = np.array([[0, 0], [2, 0], [1, 4], [0, 4]], dtype=float)
    right = np.array([[1, 4], [2, 0], [4, 0], [4, 4]], dtype=float)
    np.testing.assert_array_equal(inside(left, points) ^ inside(right, points), True)
    assert not (inside(left, points) & inside(right, points)).any()


def test_a_line_holds_nothing_and_a_broken_point_is_outside():
    points = np.array([[0.5, 0.5], [np.nan, 0.5]])
    assert not inside(np.array([[0, 0], [1, 1]], dtype=float), points).any()
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    assert inside(square, points).tolist() == [True, False]
    assert inside(square, np.zeros((0, 2))).shape == (0,)


def test_a_lasso_of_three_hundred_corners_over_a_hundred_thousand_points_is_quick():
    turns = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    circle = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    points = np.random.default_rng(0).uniform(-1.5, 1.5, (100_000, 2)).astype(np.float32)
    start = time.process_time()
    found = inside(circle, points)
    assert time.process_time() - start < 2
    far = np.abs(np.linalg.norm(points, axis=1) - 1) > 1e-3
    np.testing.assert_array_equal(found[far], (np.linalg.norm(points, axis=1) < 1)[far])
