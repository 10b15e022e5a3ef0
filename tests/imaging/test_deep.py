"""Files of more than 8 bits a sample, whatever way they lie in the file."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sslapp.imaging.decode import browser_type, decode, deep_values, suffix
from sslapp.imaging.deep import tiff_bytes
from sslapp.imaging.intensities import IntensityMapping
from sslapp.imaging.refused import RefusedFile
from sslapp.vocabulary import Intensities

EXTREMES = IntensityMapping(Intensities.EXTREMES)


def noise(*shape, top=65_536):
    return np.random.default_rng(0).integers(0, top, shape).astype(np.uint16)


def ramp(height=64, width=64, top=1000):
    return np.linspace(0, top, height * width).reshape(height, width)


def png16(values):
    """A PNG of (H, W, channels) uint16."""

    def chunk(kind, data):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def tiff(values, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, values, metadata=None, **options)
    return file.getvalue()


def test_16_bits_show_the_same_ramp_in_every_kind_of_png() -> None:
    grey = ramp().astype(np.uint16)
    clear = np.full_like(grey, 65_535)
    kinds = [(grey,), (grey, clear), (grey,) * 3, (grey, grey, grey, clear)]
    seen = [decode(png16(np.stack(kind, axis=-1)), "a") for kind in kinds]
    first = seen[0]
    assert (first[0, 0], first[-1, -1], len(np.unique(first))) == (0, 255, 256)
    for each in seen[1:]:
        for channel in (0, -1):
            shades = each.reshape(64, 64, -1)[..., channel].astype(int)
            assert np.abs(shades - first).max() <= 1  # between two values, by how many there are


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_keeps_all_16_bits_until_they_are_mapped(channels) -> None:
    values = noise(7, 9, channels)
    colour = values[..., :3] if channels > 2 else values[..., 0]
    assert np.array_equal(deep_values(png16(values), "a"), colour)


def test_transparency_of_16_bits_is_laid_over_white() -> None:
    values = np.zeros((2, 2, 4), np.uint16)
    values[..., 3] = [[0, 65_535], [32_768, 65_535]]
    assert decode(png16(values), "a")[..., 0].tolist() == [[255, 0], [127, 0]]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": 2},
        {"planarconfig": "separate"},
        {"planarconfig": "separate", "byteorder": ">"},
        {"tile": (16, 16)},
    ],
)
def test_16_bit_colour_comes_whole_out_of_any_tiff(options) -> None:
    values = noise(20, 30, 3)
    stored = np.moveaxis(values, -1, 0) if "planarconfig" in options else values
    content = tiff(stored, photometric="rgb", **options)
    assert np.array_equal(deep_values(content, "a"), values)


@pytest.mark.parametrize(
    "dtype", [np.uint16, np.int16, np.uint32, np.int32, np.float16, np.float32, np.float64]
)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_grey_of_any_type_is_a_ramp_from_dark_to_bright(dtype, compression) -> None:
    top = 4e9 if dtype == np.uint32 else 1000
    content = tiff(ramp(top=top).astype(dtype), photometric="minisblack", compression=compression)
    if dtype in (np.float16, np.float64) and compression:
        with pytest.raises(RefusedFile, match=r"floating numbers of (16|64) bits a sample"):
            decode(content, "a")
        return
    seen = decode(content, "a").reshape(-1).astype(int)
    assert (seen[0], seen[-1]) == (0, 255)
    assert (np.diff(seen) >= 0).all()


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_white_is_zero_is_turned_round(dtype, compression) -> None:
    content = tiff(ramp().astype(dtype), photometric="miniswhite", compression=compression)
    seen = decode(content, "a")
    assert (seen[0, 0], seen[-1, -1]) == (255, 0)


def test_inks_of_16_bits_become_colours() -> None:
    inks = np.zeros((4, 8, 8), np.uint16)
    inks[1:3] = 65_535  # magenta and yellow
    content = tiff(inks, photometric="separated", planarconfig="separate")
    assert decode(content, "a")[0, 0].tolist() == [255, 0, 0]


def test_what_is_not_read_is_refused_with_the_number_of_its_bits() -> None:
    content = bytearray(tiff(noise(8, 8, 3).astype(np.uint8), photometric="rgb"))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        tag = file.pages[0].tags["BitsPerSample"]
    content[tag.valueoffset : tag.valueoffset + 6] = struct.pack("<3H", 4, 4, 4)
    with pytest.raises(RefusedFile, match=r"^a: a TIFF file of 4 bits a sample is not read\.$"):
        decode(bytes(content), "a")
    planes = tiff(np.moveaxis(noise(8, 8, 3), -1, 0), photometric="rgb", compression="zlib")
    with pytest.raises(RefusedFile, match="compressed samples of 16 bits in planes"):
        decode(planes, "a")


def test_a_tiff_turned_by_its_orientation_stands_upright() -> None:
    values = noise(6, 9, 3)
    for options in ({}, {"compression": "zlib"}):
        content = tiff(values, photometric="rgb", extratags=[(274, 3, 1, 6, True)], **options)
        plain = tiff(values, photometric="rgb")
        assert np.array_equal(decode(content, "a"), np.rot90(decode(plain, "a"), -1))


def test_projects_from_before_keep_the_upper_bits_of_colours() -> None:
    values = noise(7, 9, 3)
    assert np.array_equal(decode(png16(values), "a", EXTREMES), (values >> 8).astype(np.uint8))
    grey = np.array([[1000, 1500, 2000, 3000]], np.uint16)
    assert decode(png16(grey[..., None]), "a", EXTREMES).tolist() == [[0, 64, 128, 255]]


def test_no_browser_gets_16_bits_as_they_are() -> None:
    assert {browser_type(png16(noise(4, 4, channels))) for channels in (1, 2, 3, 4)} == {None}


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float16, np.float64])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_rows_of_arrays_keep_their_values_as_tiff(dtype, shape) -> None:
    values = np.random.default_rng(1).normal(0, 1000, shape).astype(dtype)
    assert np.array_equal(deep_values(tiff_bytes(values), "a"), values)


def test_what_has_8_bits_has_no_deep_values(encode, colours) -> None:
    assert deep_values(encode(colours), "a") is None
    assert deep_values(encode(colours, "TIFF"), "a") is None


def test_a_deep_tiff_is_exported_as_what_it_is() -> None:
    for dtype in (np.uint16, np.float16, np.float64):
        assert suffix(tiff_bytes(ramp().astype(dtype))) == ".tif"


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_truncated_deep_tiff_is_refused(compression) -> None:
    content = tiff(noise(64, 64, 3), photometric="rgb", compression=compression)
    with pytest.raises(RefusedFile, match=r"^a: "):
        decode(content[: len(content) // 2], "a")


def test_strips_that_claim_the_same_bytes_are_refused() -> None:
    content = bytearray(tiff(noise(100, 100, 3), photometric="rgb", rowsperstrip=1))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        page = file.pages[0]
        offsets = page.tags["StripOffsets"]
        first = page.dataoffsets[0]
    struct.pack_into("<100I", content, offsets.valueoffset, *[first] * 100)
    small = bytes(content[: first + 100 * 6])
    with pytest.raises(RefusedFile, match="damaged or cut off"):
        decode(small, "a")


def test_the_pixel_limit_holds_for_what_pillow_does_not_open() -> None:
    content = tiff(ramp().astype(np.float16), photometric="minisblack")
    with pytest.raises(RefusedFile):
        decode(content, "a", max_pixels=100)


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_damage_to_deep_files_gives_pixels_or_a_refusal(data) -> None:
    made = data.draw(
        st.sampled_from(
            [
                png16(noise(6, 7, 3)),
                png16(noise(6, 7, 2)),
                tiff(noise(6, 7, 3), photometric="rgb"),
                tiff(noise(3, 6, 7), photometric="rgb", planarconfig="separate"),
                tiff(ramp(6, 7).astype(np.float16), photometric="minisblack"),
            ]
        )
    )
    content = bytearray(made)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = decode(bytes(content), "a", max_pixels=1_000_000)
    except RefusedFile:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 2 or image.shape[2] == 3


def test_12_bits_are_read_or_refused_by_their_number() -> None:
    """Packed samples: three bytes hold two."""
    values = np.arange(0, 4096, 64).astype(np.uint16).reshape(8, 8)
    bits = "".join(format(each, "012b") for each in values.reshape(-1))
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    content = bytearray(tiff(np.zeros((8, 12), np.uint8), photometric="minisblack"))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        tags = file.pages[0].tags
        start = file.pages[0].dataoffsets[0]
    content[start : start + 96] = packed
    for name, value in (("ImageWidth", 8), ("BitsPerSample", 12)):
        at = tags[name].valueoffset
        content[at : at + 2] = struct.pack("<H", value)
    assert np.array_equal(deep_values(bytes(content), "a"), values)
    assert Image.open(io.BytesIO(content)).size == (8, 8)
