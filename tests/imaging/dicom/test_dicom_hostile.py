"""Cut and flipped files: a picture, or one sentence, and nothing else."""

import numpy as np
from dicom_files import SECRET, data_set, item, written
from hypothesis import given, settings
from hypothesis import strategies as st
from lossless_jpeg import lossless_jpeg
from pydicom import uid

from sslapp.imaging.dicom.deidentification.cleaning import cleaned
from sslapp.imaging.dicom.display import display
from sslapp.imaging.dicom.geometry import in_order, slices_of
from sslapp.imaging.dicom.opening import is_dicom, open_dicom
from sslapp.imaging.dicom.pixels.frames import frame_values
from sslapp.imaging.refused import RefusedFile

GREY = np.arange(16, dtype=np.uint16).reshape(4, 4) * 999


def rich() -> list[bytes]:
    """Files that go through most of the reader."""
    lut = item(LUTData=bytes(16))
    lut[0].add_new("LUTDescriptor", "US", [8, 0, 16])
    lut[0]["LUTData"].VR = "OW"
    made = data_set(
        np.stack([GREY, GREY]),
        WindowCenter="9",
        WindowWidth="99",
        RescaleSlope="1",
        RescaleIntercept="0",
        StudyDate="20200101",
        PatientAge="003D",
        PixelSpacing=["1", "2"],
        VOILUTSequence=lut,
        SequenceOfUltrasoundRegions=item(RegionLocationMinX0=1, PhysicalDeltaX=2.0),
        PerFrameFunctionalGroupsSequence=item(
            PlanePositionSequence=item(ImagePositionPatient=["1", "2", "3"])
        ),
    )
    made["VOILUTSequence"].is_undefined_length = True
    made.VOILUTSequence[0].is_undefined_length_sequence_item = True
    colour = data_set(np.zeros((4, 4, 3), np.uint8), PhotometricInterpretation="YBR_FULL_422")
    return [
        written(made),
        written(made, uid.ImplicitVRLittleEndian, preamble=False, meta=False),
        written(made, uid.ExplicitVRBigEndian),
        written(made, uid.DeflatedExplicitVRLittleEndian),
        written(colour),
        written(made, uid.JPEGLosslessSV1, frames=[lossless_jpeg(GREY, 16)] * 2),
    ]


FILES = rich()


def every_part(content: bytes) -> None:
    if not is_dicom(content):
        return
    try:
        file = open_dicom(content, "a.dcm")
        values = frame_values(file)
        display(file.header, values)
        in_order(slices_of(file.header))
        cleaned(file, SECRET)
    except RefusedFile as error:
        message = str(error)
        assert message.startswith("a.dcm: ")
        assert message.endswith(".")
        assert "\n" not in message


FLIPS = st.lists(
    st.tuples(st.integers(0, 1200), st.sampled_from([0, 1, 0x7F, 0x80, 0xFE, 0xFF])),
    min_size=1,
    max_size=6,
)


@given(st.integers(0, len(FILES) - 1), FLIPS)
@settings(max_examples=120, deadline=None)
def test_flipped_files_are_read_or_refused(which, flips) -> None:
    content = bytearray(FILES[which])
    for place, value in flips:
        content[place % len(content)] = value
    every_part(bytes(content))


@given(st.integers(0, len(FILES) - 1), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_cut_files_are_read_or_refused(which, share) -> None:
    content = FILES[which]
    every_part(content[: int(share * len(content))])


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_anything_behind_the_mark_is_read_or_refused(tail) -> None:
    every_part(bytes(128) + b"DICM" + tail)
    every_part(b"\x08\x00\x05\x00CS" + tail)


def test_messages_and_warnings_show_nothing_that_a_stranger_wrote(recwarn) -> None:
    contents = [
        written(data_set(GREY, PhotometricInterpretation="ZZSMITH")),
        written(data_set(GREY), frames=[b"\0\0"], says="ZZSMITH"),
        written(data_set(GREY, SOPClassUID="ZZSMITH", Modality="ZZSMITH", RescaleType="ZZSMITH")),
    ]
    recwarn.clear()
    messages = []
    for content in contents:
        try:
            messages.append(repr(cleaned(content, SECRET)))
        except RefusedFile as error:
            messages.append(str(error))
    assert "(0028,0004) is unknown" in messages[0]
    assert "the transfer syntax of no known kind" in messages[1]
    assert not [each for each in messages if "SMITH" in each]
    assert not [each for each in recwarn if "SMITH" in str(each.message)]
