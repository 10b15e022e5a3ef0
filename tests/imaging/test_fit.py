import numpy as np
import pytest

from sslapp.imaging.fit import fit


def test_native_size_keeps_every_bit(colours):
    square = np.ascontiguousarray(colours[:, :6])
    assert np.array_equal(fit(square, 6, 3), square)
    assert np.array_equal(fit(square[:, :, 0], 6, 1)[:, :, 0], square[:, :, 0])


def test_the_result_is_no_view_of_the_image(colours):
    square = np.ascontiguousarray(colours[:, :6])
    fitted = fit(square, 6, 3)
    fitted[:] = 0
    assert square.any()


def test_grey_becomes_three_equal_channels_and_colour_becomes_luma():
    grey = np.arange(16, dtype=np.uint8).reshape(4, 4)
    assert np.array_equal(fit(grey, 4, 3), np.repeat(grey[:, :, None], 3, axis=2))
    green = np.zeros((4, 4, 3), np.uint8)
    green[:, :, 1] = 255
    assert set(fit(green, 4, 1).ravel().tolist()) == {150}  # 0.587 x 255


def test_pad_keeps_the_whole_image_between_black_borders():
    white = np.full((10, 20), 255, np.uint8)
    fitted = fit(white, 8, 1)[:, :, 0]
    assert (fitted[2:6] == 255).all()
    assert (fitted[:2] == 0).all()
    assert (fitted[6:] == 0).all()


def test_stretch_fills_and_crop_keeps_the_centre():
    white = np.zeros((10, 30), np.uint8)
    white[:, 10:20] = 255
    assert (fit(white, 10, 1, "crop") == 255).all()
    stretched = fit(white, 30, 1, "stretch")[:, :, 0]
    assert stretched.shape == (30, 30)
    assert np.array_equal(stretched, np.repeat(white[:1], 30, axis=0))


def test_reduction_averages_instead_of_picking():
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    small = fit(board, 8, 1)[2:6, 2:6]
    assert np.abs(small.astype(int) - 127).max() <= 3


def test_grey_then_colour_equals_colour_then_fit():
    # ingest relies on it when it turns grey rows into colour rows
    grey = np.random.default_rng(0).integers(0, 256, (37, 23), dtype=np.uint8)
    late = fit(fit(grey, 16, 1), 16, 3)
    assert np.array_equal(late, fit(grey, 16, 3))
    assert np.array_equal(late, fit(np.repeat(grey[:, :, None], 3, axis=2), 16, 3))


@pytest.mark.parametrize(("height", "width"), [(1, 1000), (1000, 1), (1, 1)])
def test_extreme_shapes_fit(height, width):
    assert fit(np.full((height, width), 9, np.uint8), 8, 3).shape == (8, 8, 3)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros(4, np.uint8),
    ],
)
def test_what_is_no_image_is_an_error(image):
    with pytest.raises(ValueError, match="An image must be"):
        fit(image, 8, 1)


def test_unknown_aspect_and_channels_are_errors():
    image = np.zeros((4, 5), np.uint8)
    with pytest.raises(ValueError, match="none of pad, stretch, crop"):
        fit(image, 8, 1, "zoom")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="with 2 channels"):
        fit(image, 8, 2)
