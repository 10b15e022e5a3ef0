"""Text in a picture is found where it is; the detector is an extra."""

import os
from itertools import pairwise

import numpy as np
import pytest
from burned_in import TEXT, picture
from PIL import Image, ImageDraw, ImageFont

from sslapp.imaging.rectangles import Rectangle
from sslapp.imaging.text import detector
from sslapp.imaging.text.detector import TextDetector, is_installed

needs_ocr = pytest.mark.skipif(
    not is_installed() and os.environ.get("SSLAPP_REQUIRE_ALL") != "1",
    reason="needs the extra [ocr]: pip install -r requirements-ocr.txt",
)


@pytest.fixture(scope="module")
def found() -> TextDetector:
    return TextDetector(threads=1)


def covered(boxes: list[Rectangle], part: Rectangle) -> bool:
    return any(
        each.x <= part.x + part.width / 4
        and each.x + each.width >= part.x + part.width * 3 / 4
        and each.y <= part.y + part.height / 2 <= each.y + each.height
        for each in boxes
    )


@needs_ocr
@pytest.mark.slow
def test_a_name_is_found_and_noise_shows_none(found) -> None:
    assert covered(found.boxes(picture()), Rectangle(*TEXT))
    assert found.boxes(picture("")) == []


@needs_ocr
@pytest.mark.slow
def test_dark_text_and_colours_count_as_well(found) -> None:
    assert covered(found.boxes(255 - picture()), Rectangle(*TEXT))
    colours = np.stack([picture(), picture(""), picture("")], axis=-1)
    assert covered(found.boxes(colours), Rectangle(*TEXT))


@needs_ocr
@pytest.mark.slow
def test_small_text_far_out_in_a_large_picture_is_found(found) -> None:
    large = Image.fromarray(np.full((500, 900), 40, np.uint8))
    font = ImageFont.load_default(14)
    ImageDraw.Draw(large).text((700, 470), "DOE JANE 1961", fill=230, font=font)
    boxes = found.boxes(np.array(large))
    assert covered(boxes, Rectangle(700, 470, 100, 14))
    assert all(each.x + each.width <= 900 and each.y + each.height <= 500 for each in boxes)


@needs_ocr
@pytest.mark.slow
def test_a_large_picture_is_looked_at_smaller_and_boxes_are_on_the_picture_itself(found) -> None:
    large = Image.fromarray(picture("", size=2000)[:600])
    ImageDraw.Draw(large).text(
        (1500, 500), "DOE JANE 1961", fill=250, font=ImageFont.load_default(30)
    )
    (box,) = found.boxes(np.array(large))
    assert covered([box], Rectangle(1500, 500, 220, 30))
    assert box.height < 60


@needs_ocr
@pytest.mark.slow
def test_a_strip_takes_no_more_than_a_square(found) -> None:
    strip = np.full((2, 900), 40, np.uint8)
    assert found.boxes(strip) == []
    assert detector._squared(strip[:, :640]).shape == (640, 640, 3)
    named = picture()[:32]
    assert covered(found.boxes(named), Rectangle(*TEXT))


def test_tiles_cover_every_pixel_and_overlap() -> None:
    for length in (10, 640, 641, 1184, 1185, 2500, 5000):
        starts = detector._starts(length)
        assert starts[0] == 0
        assert starts[-1] + detector.TILE >= length
        for one, next_ in pairwise(starts):
            assert next_ - one <= detector.TILE - detector.OVERLAP


def test_without_the_extra_it_says_how_it_is_installed(monkeypatch) -> None:
    monkeypatch.setattr(detector, "find_spec", lambda name: None)
    assert not is_installed()
    monkeypatch.setitem(__import__("sys").modules, "rapidocr", None)
    with pytest.raises(ValueError, match=r"pip install sslapp\[ocr\]"):
        TextDetector().boxes(picture())


def test_in_a_tiny_picture_no_name_has_room() -> None:
    assert TextDetector().boxes(np.zeros((20, 23), np.uint8)) == []
