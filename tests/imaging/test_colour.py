"""Colours as a file means them, the same in decoded pixels and in what a browser is sent."""

import io
import struct

import numpy as np
import pytest
from lossless_jpeg import lossless_jpeg
from PIL import Image, ImageCms

from sslapp.imaging.decode import browser_type, decode

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def profile(*, red, green, blue, gamma=2.2, space=b"RGB ") -> bytes:
    """An ICC profile of three primaries (XYZ under D50) and a gamma, or of a grey with a gamma."""

    def xyz(*values):
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    about = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"made\0" + bytes(12 + 67)
    tags = {
        b"desc": about + bytes(-len(about) % 4),
        b"cprt": b"text\0\0\0\0none",
        b"wtpt": xyz(0.9642, 1, 0.8249),
    }
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        tags |= {b"rXYZ": xyz(*red), b"gXYZ": xyz(*green), b"bXYZ": xyz(*blue)}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    directory, data, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        directory += struct.pack(">4sII", name, at + len(data), len(content))
        data += content
    size = 128 + len(directory) + len(data)
    head = struct.pack(">II", size, 0) + b"\x02\x40\0\0mntr" + space + b"XYZ " + bytes(12) + b"acsp"
    head += bytes(68 - len(head)) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + directory + data


RED, GREEN, BLUE = (0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)
SWAPPED = profile(red=BLUE, green=GREEN, blue=RED)
DARK = profile(red=(), green=(), blue=(), gamma=1.0, space=b"GRAY")


def red(mode="RGB"):
    return Image.new("RGB", (4, 4), (200, 0, 20)).convert(mode)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_colours_of_a_profile_become_those_of_srgb(encode, file_format) -> None:
    content = encode(red(), file_format, icc_profile=SWAPPED)
    seen = decode(content, "a")[0, 0].astype(int)
    assert seen[2] > 150
    assert seen[0] < 60
    assert browser_type(content) is None


def test_a_palette_and_transparency_have_the_profile_s_colours_too(encode) -> None:
    plain = decode(encode(red(), icc_profile=SWAPPED), "a")
    palette = encode(red().convert("P", palette=Image.Palette.ADAPTIVE), icc_profile=SWAPPED)
    assert np.abs(decode(palette, "a").astype(int) - plain).max() <= 2
    clear = red("RGBA")
    clear.putalpha(0)
    assert (decode(encode(clear, icc_profile=SWAPPED), "a") == 255).all()
    clear.putalpha(255)
    assert np.array_equal(decode(encode(clear, icc_profile=SWAPPED), "a"), plain)


def test_greys_of_a_profile_become_those_of_srgb_and_stay_grey(encode) -> None:
    middle = Image.new("L", (4, 4), 128)
    seen = decode(encode(middle, icc_profile=DARK), "a")
    assert seen.shape == (4, 4)
    assert abs(int(seen[0, 0]) - 188) <= 2  # linear .5 in sRGB


def test_srgb_s_own_profile_changes_nothing_and_a_browser_gets_the_file(encode, colours) -> None:
    content = encode(colours, icc_profile=SRGB)
    assert np.array_equal(decode(content, "a"), colours)
    assert browser_type(content) == "image/png"


def test_a_damaged_profile_or_one_of_other_channels_counts_as_none(encode, colours) -> None:
    for damaged in (b"nothing", SWAPPED[:200], DARK):
        assert np.array_equal(decode(encode(colours, icc_profile=damaged), "a"), colours)


def test_a_browser_that_obeys_gamma_does_not_get_the_file(encode, colours) -> None:
    content = encode(colours)
    gamma = struct.pack(">I", 4) + b"gAMA" + struct.pack(">I", 100_000)
    import zlib

    gamma += struct.pack(">I", zlib.crc32(gamma[4:]))
    bent = content[:33] + gamma + content[33:]  # after the header's chunk
    assert np.array_equal(decode(bent, "a"), colours)
    assert browser_type(bent) is None
    assert browser_type(content) == "image/png"


def test_inks_of_a_jpeg_by_adobe_are_inverted(encode) -> None:
    """Adobe stores 255 for no ink; Pillow writes and reads it so, with Adobe's marker."""
    content = encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    assert b"Adobe" in content[:60]
    seen = decode(content, "a")[8, 8].astype(int)
    assert np.abs(seen - [255, 0, 0]).max() <= 6
    assert browser_type(content) is None


def test_inks_stored_as_luminance_and_colour_are_the_same_picture(encode) -> None:
    """YCCK: Adobe's marker says 2, and the first three channels are Y, Cb, Cr of what is stored.

    Pillow writes no such file: it is given what is to be stored as if that were inks.
    """
    inks = np.random.default_rng(0).integers(0, 256, (2, 2, 4)).repeat(16, 0).repeat(16, 1)
    inks = inks.astype(np.uint8)
    light = np.asarray(Image.fromarray(inks[..., :3]).convert("YCbCr"))
    stored = np.dstack([light, 255 - inks[..., 3]])
    options = {"file_format": "JPEG", "quality": 100, "subsampling": 0}
    plain = encode(Image.fromarray(inks, "CMYK"), **options)
    content = bytearray(encode(Image.fromarray(255 - stored, "CMYK"), **options))
    content[content.index(b"Adobe") + 11] = 2
    difference = decode(bytes(content), "a").astype(int) - decode(plain, "a")
    assert np.abs(difference).max() <= 4
    assert browser_type(bytes(content)) is None


def test_white_is_zero_of_8_bits_is_turned_round() -> None:
    import tifffile

    file = io.BytesIO()
    values = np.array([[0, 255]], np.uint8)
    tifffile.imwrite(file, values, photometric="miniswhite", metadata=None)
    assert decode(file.getvalue(), "a").tolist() == [[255, 0]]


def test_a_lossless_jpeg_is_read_and_never_sent_to_a_browser_as_it_is(encode, colours) -> None:
    content = lossless_jpeg(colours[:, :, 0])
    assert np.array_equal(decode(content, "a"), colours[:, :, 0])
    assert browser_type(content) is None
    for progressive in (False, True):
        usual = encode(colours, "JPEG", progressive=progressive)
        assert browser_type(usual) == "image/jpeg"
