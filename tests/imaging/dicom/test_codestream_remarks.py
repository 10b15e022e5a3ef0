"""Compressed frames keep nothing that is no picture, wherever in them it is."""

import io
import struct

import numpy as np
import pytest
from dicom_files import SECRET, data_set, written
from lossless_jpeg import lossless_jpeg
from PIL import Image
from pydicom import uid

from sslapp.imaging.dicom.deidentification.cleaning import cleaned
from sslapp.imaging.dicom.opening import open_dicom
from sslapp.imaging.dicom.pixels.frames import frame_values

REMARK = b"MRN47110815"


def _commented_tiles(values: np.ndarray, remark: bytes) -> bytes:
    """A JPEG 2000 of several tiles, with a comment in the header of each."""
    target = io.BytesIO()
    Image.fromarray(values).save(target, "JPEG2000", no_jp2=True, tile_size=(16, 16))
    comment = b"\xff\x64" + struct.pack(">HH", 4 + len(remark), 1) + remark
    first, *tiles = target.getvalue()[:-2].split(b"\xff\x90\0\x0a")
    made = first
    for each in tiles:
        length = int.from_bytes(each[2:6], "big") + len(comment)
        made += b"\xff\x90\0\x0a" + each[:2] + length.to_bytes(4, "big") + each[6:8]
        made += comment + each[8:]
    return made + b"\xff\xd9"


def _with_lines(frame: bytes, remark: bytes) -> bytes:
    """A JPEG with more in a marker than decoders look at."""
    return frame[:2] + b"\xff\xdc" + struct.pack(">H", 2 + len(remark)) + remark + frame[2:]


@pytest.mark.parametrize("behind", [b"", REMARK + b"\xff\xd9"])
@pytest.mark.parametrize("syntax", [uid.JPEG2000Lossless, uid.JPEGLosslessSV1])
def test_remarks_within_and_behind_a_codestream_are_gone(syntax, behind) -> None:
    values = np.random.default_rng(3).integers(0, 256, (32, 48), dtype=np.uint8)
    if syntax == uid.JPEG2000Lossless:
        frame = _commented_tiles(values, REMARK)
        assert frame.count(REMARK) == 6
    else:
        frame = _with_lines(lossless_jpeg(values, 8), REMARK)
    found, _ = cleaned(written(data_set(values), syntax, frames=[frame + behind]), SECRET)
    assert REMARK not in found
    after = open_dicom(found, "a file")
    assert after.header.syntax == syntax
    np.testing.assert_array_equal(frame_values(after), values)
