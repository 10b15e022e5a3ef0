import io

import numpy as np
import pytest
from PIL import Image

from sslapp.imaging.thumbnails import png_bytes


def read(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def test_without_a_target_size_the_png_is_exact(colours):
    assert np.array_equal(read(png_bytes(colours)), colours)
    assert np.array_equal(read(png_bytes(colours[:, :, :1])), colours[:, :, 0])


def test_a_small_image_is_enlarged_by_a_whole_factor_in_squares(colours):
    enlarged = read(png_bytes(colours, 40))
    assert np.array_equal(enlarged, colours.repeat(4, axis=0).repeat(4, axis=1))


def test_a_large_image_is_reduced_to_the_target():
    assert read(png_bytes(np.zeros((300, 600), np.uint8), 96)).shape == (48, 96)
    assert read(png_bytes(np.zeros((1, 6000), np.uint8), 96)).shape == (1, 96)


def test_what_is_no_image_is_an_error():
    with pytest.raises(ValueError, match="An image must be"):
        png_bytes(np.zeros((2, 2), np.float32))
