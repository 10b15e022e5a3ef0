"""Rectangles are written as four whole numbers, and have at least a pixel."""

import pytest

from sslapp.imaging.rectangles import Rectangle


def test_what_is_written_is_read_again() -> None:
    part = Rectangle(0, 3, 200, 30)
    assert Rectangle.parse(str(part)) == Rectangle.parse(" 0, 3,200,30 ") == part
    assert Rectangle.from_json(part.to_json()) == part


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "1,2,3,4,5", "a,2,3,4", "-1,2,3,4", "1.5,2,3,4", "²,1,1,1"]
)
def test_anything_else_is_refused_with_an_example(text) -> None:
    with pytest.raises(ValueError, match="as 0,0,200,30"):
        Rectangle.parse(text)


@pytest.mark.parametrize("sides", [(0, 0, 0, 4), (0, 0, 4, 0), (-1, 0, 4, 4)])
def test_it_has_a_pixel(sides) -> None:
    with pytest.raises(ValueError, match="width and height 1 or more"):
        Rectangle(*sides)


def test_it_meets_a_picture_that_it_begins_in() -> None:
    assert Rectangle(9, 9, 50, 50).meets(10, 10)
    assert not Rectangle(10, 0, 5, 5).meets(10, 10)
