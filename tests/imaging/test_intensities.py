"""Deep values become 8 bits by percentiles, so that no single pixel decides about all others."""

import numpy as np
import pytest

from sslapp.imaging.intensities import (
    IntensityMapping,
    UnclearValues,
    limits_of,
    sampled,
)
from sslapp.vocabulary import Intensities

IMAGE, SET, EXTREMES = (IntensityMapping(each) for each in Intensities)


def ramp(dtype=np.uint16, top=1000):
    return np.linspace(0, top, 10_000).astype(dtype).reshape(100, 100)


def test_one_hot_pixel_leaves_all_grey_levels() -> None:
    image = ramp()
    image[50, 50] = 65_535
    assert len(np.unique(EXTREMES.eight_bits(image))) <= 6
    assert len(np.unique(IMAGE.eight_bits(image))) == 256


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.float32, np.float64])
def test_percentiles_are_black_and_white_whatever_the_type(dtype) -> None:
    seen = IMAGE.eight_bits(ramp(dtype))
    assert (seen.min(), seen.max()) == (0, 255)
    # .5 per cent of the values at either end are cut, and what lies between is linear
    assert seen.reshape(-1)[49] == 0 < seen.reshape(-1)[100]
    np.testing.assert_allclose(seen.reshape(-1)[5000], 127.5, atol=1)


def test_a_set_has_one_black_and_one_white() -> None:
    mapping = IntensityMapping(Intensities.SET, (100.0, 300.0))
    assert mapping.eight_bits(np.array([[0, 100, 200, 300, 900]], np.uint16)).tolist() == [
        [0, 0, 128, 255, 255]
    ]
    assert mapping.eight_bits(np.array([[200.0]], np.float32)).tolist() == [[128]]


def test_a_small_bright_spot_on_black_is_seen() -> None:
    image = np.zeros((100, 100), np.uint16)
    image[3, 4] = 700
    assert IMAGE.eight_bits(image)[3, 4] == 255


def test_a_constant_image_is_black() -> None:
    assert not IMAGE.eight_bits(np.full((3, 3), 4095, np.uint16)).any()


def test_the_channels_of_a_colour_share_their_limits() -> None:
    image = np.stack([ramp(), ramp() // 2, np.zeros_like(ramp())], axis=-1)
    seen = IMAGE.eight_bits(image)
    assert [int(seen[..., channel].max()) for channel in range(3)] == [255, 130, 0]


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(UnclearValues, match="not finite"):
        IMAGE.eight_bits(np.array([[0, np.inf]], np.float32))


def test_limits_of_a_set_are_percentiles_over_its_images_each_as_heavy() -> None:
    dark, bright = np.zeros((500, 500), np.uint16), np.full((10, 10), 1000, np.uint16)
    assert limits_of([sampled(dark), sampled(bright)]) == (0.0, 1000.0)
    low, high = limits_of([sampled(ramp())])
    assert (low, high) == (pytest.approx(5, abs=1), pytest.approx(995, abs=1))
    assert limits_of([]) is None
    assert limits_of([sampled(dark)]) is None


def test_the_name_of_a_mapping_tells_limits_apart() -> None:
    names = {str(IntensityMapping(Intensities.SET, (0.0, high))) for high in (1.0, 1.5)}
    assert len(names | {str(IMAGE), str(EXTREMES)}) == 4
