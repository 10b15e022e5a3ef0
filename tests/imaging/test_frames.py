"""Files with several images: counted, and taken apart without loss."""

import io

import numpy as np
import pytest
from PIL import Image

from sslapp.imaging.decode import decode, deep_values
from sslapp.imaging.frames import frame_count, frame_files
from sslapp.imaging.headers import header
from sslapp.imaging.refused import RefusedFile


def several(kind, frames, **options):
    file = io.BytesIO()
    first, *others = [Image.fromarray(frame) for frame in frames]
    first.save(file, kind, save_all=True, append_images=others, **options)
    return file.getvalue()


@pytest.fixture
def grey():
    return np.random.default_rng(0).integers(0, 256, (3, 6, 5), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PNG", "WEBP"])
def test_every_image_of_a_file_becomes_a_file(kind, grey):
    options = {"lossless": True} if kind == "WEBP" else {}
    content = several(kind, grey, **options)
    assert frame_count(content) == header(content, "a").frames == 3
    files = list(frame_files(content, "a"))
    assert [frame_count(each) for each in files] == [1, 1, 1]
    assert [decode(each, "a").tolist() for each in files] == grey.tolist()


def test_pages_keep_their_depth(grey):
    deep = grey.astype(np.uint16) * 200
    files = list(frame_files(several("TIFF", deep), "a"))
    assert [deep_values(each, "a").tolist() for each in files] == deep.tolist()


def test_pages_that_would_lose_depth_are_refused(grey):
    import tifffile

    file = io.BytesIO()
    colours = np.stack([grey] * 3, axis=-1).astype(np.uint16) * 200
    tifffile.imwrite(file, colours, photometric="rgb")
    assert frame_count(file.getvalue()) == 3
    with pytest.raises(RefusedFile, match=r"a: its pages are of a kind that is not taken apart"):
        list(frame_files(file.getvalue(), "a"))


def test_one_image_and_what_is_none_count_as_one(grey):
    for kind in ("PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP"):
        file = io.BytesIO()
        Image.fromarray(grey[0]).save(file, kind)
        assert frame_count(file.getvalue()) == 1
        assert frame_count(file.getvalue()[:30]) == 1
    assert frame_count(b"") == 1


def test_pages_that_lead_in_a_circle_end(grey):
    content = bytearray(several("TIFF", grey[:2]))
    first = int.from_bytes(content[4:8], "little")
    # the last page's pointer to the next one leads back to the first
    entries = int.from_bytes(content[first : first + 2], "little")
    next_at = first + 2 + 12 * entries
    second = int.from_bytes(content[next_at : next_at + 4], "little")
    entries = int.from_bytes(content[second : second + 2], "little")
    place = second + 2 + 12 * entries
    content[place : place + 4] = first.to_bytes(4, "little")
    assert frame_count(bytes(content)) <= 3


def test_a_header_tells_size_kind_and_depth(grey):
    file = io.BytesIO()
    Image.fromarray(np.stack([grey[0]] * 3, axis=-1)).save(file, "PNG")
    told = header(file.getvalue(), "a")
    assert (told.width, told.height, told.format, told.kind, told.bits) == (
        5,
        6,
        "PNG",
        "colour",
        8,
    )
    deep = io.BytesIO()
    Image.fromarray(grey[0].astype(np.uint16)).save(deep, "TIFF")
    assert (header(deep.getvalue(), "a").bits, header(deep.getvalue(), "a").kind) == (16, "grey")
    with pytest.raises(RefusedFile):
        header(b"no", "a")
