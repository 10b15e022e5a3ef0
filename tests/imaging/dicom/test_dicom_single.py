"""A frame of a file with several as a file of its own: its values, and what is said of it."""

import numpy as np
import pytest
from dicom_files import COLOURS, SECRET, data_set, item, run_lengths, written
from pydicom import uid
from pydicom.sequence import Sequence

from sslapp.imaging.dicom.deidentification.cleaning import cleaned
from sslapp.imaging.dicom.opening import DicomFile, open_dicom
from sslapp.imaging.dicom.pixels.frames import frame_values
from sslapp.imaging.dicom.pixels.single import single_frame

DEEP = np.random.default_rng(1).integers(-900, 900, (3, 5, 7)).astype(np.int16)
FLAT = np.random.default_rng(2).integers(0, 256, (3, 5, 7), dtype=np.uint8)
EVEN = FLAT[:, :4, :6]
BITS = np.random.default_rng(3).integers(0, 2, (3, 5, 7), dtype=np.uint8)


def bitmaps() -> bytes:
    made = data_set(BITS, BitsAllocated=1, BitsStored=1, HighBit=0)
    made.PixelData = np.packbits(BITS.ravel(), bitorder="little").tobytes()
    return written(made)


def in_words() -> bytes:
    """Big-endian bytes in words, where frames of 35 bytes begin in the middle of one."""
    made = data_set(FLAT)
    padded = np.append(FLAT.ravel(), np.uint8(0))
    made.PixelData = padded.reshape(-1, 2)[:, ::-1].tobytes()
    content = written(made, uid.ExplicitVRBigEndian)
    return content.replace(b"\x7f\xe0\x00\x10OB", b"\x7f\xe0\x00\x10OW")


FILES = {
    "signed": written(data_set(DEEP)),
    "bytes": written(data_set(FLAT)),
    "big-endian": written(data_set(DEEP), uid.ExplicitVRBigEndian),
    "words": in_words(),
    "bits": bitmaps(),
    "colours": written(data_set(np.stack([COLOURS, COLOURS[::-1], COLOURS // 2]))),
    "run lengths": written(
        data_set(EVEN), uid.RLELossless, frames=[run_lengths(each) for each in EVEN]
    ),
}


@pytest.mark.parametrize("content", FILES.values(), ids=list(FILES))
def test_a_frame_by_itself_has_the_values_it_had_among_others(content: bytes) -> None:
    file = open_dicom(content, "three")
    for index in range(3):
        alone = open_dicom(cleaned(single_frame(file, index), SECRET)[0], "one")
        assert alone.header.format.frames == 1
        np.testing.assert_array_equal(frame_values(alone), frame_values(file, index))


def test_each_frame_has_a_name_of_its_own_and_a_file_of_one_is_left_as_it_is() -> None:
    three, one = open_dicom(FILES["signed"], "three"), open_dicom(written(data_set()), "one")
    names = {single_frame(three, index).own_uid for index in range(3)}
    assert len(names | {three.own_uid}) == 4
    assert single_frame(one, 0) is one
    with pytest.raises(IndexError):
        single_frame(three, 3)


def of_groups() -> DicomFile:
    """Two slices with positions and rescaling of their own, and one spacing."""
    own = [
        {
            "PlanePositionSequence": item(ImagePositionPatient=[0, 0, 5 * at]),
            "PixelValueTransformationSequence": item(RescaleSlope=at + 1, RescaleIntercept=-at),
        }
        for at in range(2)
    ]
    made = data_set(DEEP[:2])
    made.SharedFunctionalGroupsSequence = item(PixelMeasuresSequence=item(PixelSpacing=[2, 3]))
    made.PerFrameFunctionalGroupsSequence = Sequence([item(**each)[0] for each in own])
    return open_dicom(written(made), "groups")


def test_what_is_said_of_a_frame_goes_with_it() -> None:
    facts = [
        open_dicom(cleaned(single_frame(of_groups(), at), SECRET)[0], "one").header.frame(0)
        for at in range(2)
    ]
    assert [each.position for each in facts] == [(0, 0, 0), (0, 0, 5)]
    assert [(each.slope, each.intercept) for each in facts] == [(1, 0), (2, -1)]
    assert [each.spacing for each in facts] == [(2, 3), (2, 3)]
