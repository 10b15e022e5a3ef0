import io
import os
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sslapp.imaging.decode import decode, pixel_sha256, suffix
from sslapp.imaging.refused import MAX_PIXELS, RefusedFile

LOSSLESS = ["PNG", "TIFF", "BMP", "PPM"]


@pytest.mark.parametrize("file_format", LOSSLESS)
def test_a_lossless_colour_file_comes_back_bit_for_bit(encode, colours, file_format):
    assert np.array_equal(decode(encode(colours, file_format), "a"), colours)


@pytest.mark.parametrize("file_format", LOSSLESS)
def test_a_lossless_grey_file_stays_two_dimensional(encode, colours, file_format):
    grey = colours[:, :, 0]
    assert np.array_equal(decode(encode(grey, file_format), "a"), grey)


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "GIF"])
def test_other_formats_come_back_in_their_shape(encode, file_format):
    flat = np.full((6, 9, 3), (200, 30, 90), np.uint8)
    image = decode(encode(flat, file_format), "a")
    assert image.shape == flat.shape
    assert np.abs(image.astype(int) - flat).max() <= 8


@pytest.mark.parametrize(
    ("orientation", "restore"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].transpose(1, 0, 2)),
        (8, np.rot90),
    ],
)
def test_exif_orientation_is_applied(encode, colours, orientation, restore):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode(encode(colours, "PNG", exif=exif.tobytes()), "a")
    assert np.array_equal(image, restore(colours))


def test_a_damaged_exif_block_counts_as_none(encode, colours):
    content = encode(colours, "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff\xff")
    assert np.array_equal(decode(content, "a"), colours)


def test_transparency_is_laid_over_white(encode):
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = [0, 255, 51]
    assert decode(encode(rgba), "a")[0, :, 0].tolist() == [255, 0, 204]
    grey_alpha = Image.fromarray(rgba).convert("LA")
    assert decode(encode(grey_alpha), "a").tolist() == [[255, 0, 204]]


def test_a_palette_becomes_rgb_and_its_transparent_colour_white(encode):
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((1, 0), 1)
    assert decode(encode(picture), "a").tolist() == [[[10, 20, 30], [200, 100, 50]]]
    assert decode(encode(picture, transparency=0), "a").tolist() == [
        [[255, 255, 255], [200, 100, 50]]
    ]


def test_black_and_white_becomes_0_and_255(encode):
    picture = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert decode(encode(picture), "a").tolist() == [[0, 255]]


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_16_bit_grey_is_stretched_between_its_own_ends(encode, file_format):
    values = np.array([[1000, 1500, 2000, 3000]], np.uint16)
    assert decode(encode(values, file_format), "a").tolist() == [[0, 64, 128, 255]]


def test_constant_16_bit_is_black(encode):
    assert decode(encode(np.full((2, 2), 4095, np.uint16)), "a").tolist() == [[0, 0], [0, 0]]


def test_float_tiff_is_stretched_and_refused_when_not_finite(encode):
    values = np.array([[-1.0, 0.0, 1.0]], np.float32)
    assert decode(encode(values, "TIFF"), "a").tolist() == [[0, 128, 255]]
    values[0, 1] = np.nan
    with pytest.raises(RefusedFile, match=r"^a: some pixel values are not finite"):
        decode(encode(values, "TIFF"), "a")


def test_cmyk_becomes_rgb(encode):
    picture = Image.new("CMYK", (2, 2), (0, 255, 255, 0))
    assert decode(encode(picture, "TIFF"), "a")[0, 0].tolist() == [255, 0, 0]


def test_the_first_frame_of_an_animation_is_taken(encode):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    content = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(content, "a")[0, 0].tolist() == [255, 0, 0]


def test_a_phone_s_jpeg_of_several_pictures_gives_the_first(encode):
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    content = encode(first, "MPO", save_all=True, append_images=[second])
    assert np.abs(decode(content, "a")[0, 0].astype(int) - [255, 0, 0]).max() <= 3
    assert suffix(content) == ".jpg"


# -- attacks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [8_001, 9_500, 14_000])
def test_a_bomb_is_refused_before_its_pixels_exist(png_of_size, side):
    # 64 million pixels are the own limit; Pillow warns at 89 and raises at 179 million
    content = png_of_size(side, side)
    assert len(content) < 100_000
    with pytest.raises(RefusedFile, match=rf"^bomb.png: .*{MAX_PIXELS:,}"):
        decode(content, "bomb.png")


def test_the_pixel_limit_is_the_caller_s(encode, colours):
    with pytest.raises(RefusedFile, match="9 x 6 pixels are more than the 53 allowed"):
        decode(encode(colours), "a", max_pixels=53)
    assert decode(encode(colours), "a", max_pixels=54).shape == (6, 9, 3)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM"])
def test_a_truncated_file_is_refused(encode, file_format):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = encode(noise, file_format)
    with pytest.raises(RefusedFile, match=r"^a: "):
        decode(content[: len(content) // 2], "a")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"GIF89a/*<script>alert(1)</script>*/=1;",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"\x89PNG\r\n\x1a\n",
        b"BM" + b"\xff" * 60,
        b"II*\0" + b"\xff" * 60,
    ],
)
def test_what_is_no_picture_is_refused_with_one_sentence(content):
    with pytest.raises(RefusedFile, match=r"^x\.png: [^\n]+\.$"):
        decode(content, "x.png")


def test_formats_outside_the_list_are_refused(encode, colours):
    for file_format in ("ICO", "TGA", "JPEG2000"):
        with pytest.raises(RefusedFile, match="not a readable PNG, JPEG"):
            decode(encode(Image.fromarray(colours), file_format), "x.png")


def test_what_is_hidden_behind_a_picture_does_not_come_along(encode, colours):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("evil.html", "<script>")
    content = encode(colours) + archive.getvalue()
    assert np.array_equal(decode(content, "a"), colours)


def test_a_compressed_text_bomb_is_refused_or_harmless(encode, colours):
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "a" * 20_000_000, zip=True)
    with pytest.raises(RefusedFile):
        decode(encode(colours, "PNG", pnginfo=info), "a")


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_damage_gives_pixels_or_a_refusal_and_nothing_else(encode, data):
    file_format = data.draw(st.sampled_from(["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM"]))
    array = np.random.default_rng(1).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    content = bytearray(encode(array, file_format))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = decode(bytes(content), "a", max_pixels=1_000_000)
    except RefusedFile:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 2 or image.shape[2] == 3


def test_random_bytes_are_refused():
    for length in (1, 10, 1000):
        with pytest.raises(RefusedFile):
            decode(os.urandom(length) + b"\0", "a")


# -- names and hashes ------------------------------------------------------------------------------


def test_the_suffix_follows_the_content(encode, colours):
    assert suffix(encode(colours, "JPEG")) == ".jpg"
    assert suffix(encode(colours, "PNG")) == ".png"
    with pytest.raises(RefusedFile):
        suffix(b"<html>")


def test_the_pixel_hash_is_of_shape_and_values(colours):
    grey = colours[:, :, 0]
    assert pixel_sha256(colours) == pixel_sha256(colours.copy())
    assert pixel_sha256(grey) == pixel_sha256(grey[:, :, None])
    assert pixel_sha256(grey) != pixel_sha256(np.ascontiguousarray(grey.T))
    assert pixel_sha256(grey) != pixel_sha256(np.ascontiguousarray(grey).reshape(9, 6))
    changed = colours.copy()
    changed[0, 0, 0] ^= 1
    assert pixel_sha256(colours) != pixel_sha256(changed)
    assert pixel_sha256(colours[:, ::2]) == pixel_sha256(colours[:, ::2].copy())
