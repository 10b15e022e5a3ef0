"""De-identified files are decoded like any other original; no other DICOM file is."""

import io
import struct

import numpy as np
import pytest
from dicom_files import SECRET, data_set, written
from PIL import Image

from sslapp.imaging.decode import DICOM, browser_type, decode, deep_values, suffix
from sslapp.imaging.dicom.deidentification.cleaning import cleaned
from sslapp.imaging.intensities import OF_THE_IMAGE
from sslapp.imaging.original_pixels import OriginalPixels
from sslapp.imaging.originals import OriginalsWriter
from sslapp.imaging.refused import RefusedFile

VALUES = np.arange(64, dtype=np.uint16).reshape(8, 8) * 100
WINDOW = {"WindowCenter": "3200", "WindowWidth": "6400", "VOILUTFunction": "LINEAR_EXACT"}
SEEN = np.rint(VALUES / 6400 * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def clean() -> bytes:
    return cleaned(written(data_set(VALUES, **WINDOW)), SECRET)[0]


def test_a_de_identified_file_is_seen_through_its_own_window(clean) -> None:
    np.testing.assert_array_equal(decode(clean, "a"), SEEN)
    assert (suffix(clean), browser_type(clean), deep_values(clean, "a")) == (".dcm", None, None)
    with pytest.raises(RefusedFile, match="8 x 8 pixels are more than the 63 allowed"):
        decode(clean, "a", max_pixels=63)


def test_the_first_of_several_frames_is_taken_and_colours_stay() -> None:
    frames = data_set(np.stack([VALUES, VALUES[::-1]]), **WINDOW)
    np.testing.assert_array_equal(decode(cleaned(written(frames), SECRET)[0], "a"), SEEN)
    colours = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    content = cleaned(written(data_set(colours)), SECRET)[0]
    np.testing.assert_array_equal(decode(content, "a"), colours)


def tiff_and_dicom() -> bytes:
    """A TIFF of 8 x 8 pixels that has DICOM's mark as well."""
    tags = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 132, 277: 1, 278: 8, 279: 64}
    entries = [struct.pack("<HHLL", tag, 4, 1, value) for tag, value in tags.items()]
    directory = struct.pack("<H", len(tags)) + b"".join(entries) + bytes(4)
    head = struct.pack("<2sHL", b"II", 42, 132 + 64)
    return head.ljust(128, b"\0") + b"DICM" + SEEN.tobytes() + directory


def test_files_of_strangers_are_refused_as_before(clean) -> None:
    """Also one that is a TIFF at the same time, or that was changed since it was de-identified."""
    stranger = written(data_set(VALUES, PatientName="A^B"))
    both = tiff_and_dicom()
    with Image.open(io.BytesIO(both)) as image:
        assert image.format == "TIFF"
    named = clean.replace(b"\x10\x00\x20\x00LO", b"\x10\x00\x10\x00PN")
    assert named != clean
    for content in (stranger, both, named, clean[:27] + bytes(101) + clean[128:]):
        with pytest.raises(RefusedFile, match=f"^a: {DICOM}.$"):
            decode(content, "a")


def test_a_damaged_original_says_what_is_wrong(clean) -> None:
    with pytest.raises(RefusedFile, match=r"it ends within \(7fe0,0010\), 2 bytes too early"):
        decode(clean[:-2], "a")


def test_originals_of_that_kind_are_read_for_encoders(clean, tmp_path) -> None:
    writer = OriginalsWriter(tmp_path)
    name = writer.add(clean)
    writer.finish()
    pixels = OriginalPixels(tmp_path, [name], np.empty(0), 8, channels=1, intensities=OF_THE_IMAGE)
    np.testing.assert_array_equal(pixels.take(np.array([0]))[0, :, :, 0], SEEN)
