"""Files are found by content, read as they are written, and refused with a sentence."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from dicom_files import data_set, item, written
from pydicom import uid

from sslapp.imaging.dicom.encoding import elements
from sslapp.imaging.dicom.opening import HoldsNoPicture, is_dicom, open_dicom
from sslapp.imaging.dicom.pixels.frames import frame_values
from sslapp.imaging.refused import RefusedFile

NATIVE = [
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
]
VALUES = np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000


def refusal(content: bytes) -> str:
    with pytest.raises(RefusedFile) as refused:
        frame_values(open_dicom(content, "a.dcm"))
    message = str(refused.value)
    assert message.startswith("a.dcm: ")
    assert message.endswith(".")
    return message.removeprefix("a.dcm: ").removesuffix(".")


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda each: each.keyword)
@pytest.mark.parametrize("preamble", [True, False])
def test_every_native_syntax_is_read_with_and_without_its_preamble(syntax, preamble) -> None:
    content = written(data_set(VALUES), syntax, preamble=preamble)
    assert is_dicom(content)
    file = open_dicom(content, "a.dcm")
    np.testing.assert_array_equal(frame_values(file), VALUES)
    assert file.header.syntax == syntax
    assert file.header.notes == (() if preamble else ("the preamble is missing",))


@pytest.mark.parametrize("syntax", NATIVE[:3], ids=lambda each: each.keyword)
@pytest.mark.parametrize("preamble", [True, False])
def test_a_file_without_file_meta_is_guessed_and_says_so(syntax, preamble) -> None:
    content = written(data_set(VALUES), syntax, preamble=preamble, meta=False)
    assert is_dicom(content)
    file = open_dicom(content, "a.dcm")
    np.testing.assert_array_equal(frame_values(file), VALUES)
    assert "the transfer syntax is missing and was guessed" in file.header.notes


def test_a_syntax_that_the_file_is_not_written_in_is_seen_through_and_said() -> None:
    content = written(data_set(VALUES), NATIVE[1], says=NATIVE[0])
    file = open_dicom(content, "a.dcm")
    np.testing.assert_array_equal(frame_values(file), VALUES)
    assert file.header.notes == (
        "its elements are written otherwise than its transfer syntax says",
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"II*\0" + bytes(200), b"\x89PNG\r\n\x1a\n" + bytes(200), b"%PDF-1.7" * 40, bytes(300)],
)
def test_other_files_are_not_taken_for_dicom(content) -> None:
    assert not is_dicom(content)


@pytest.mark.parametrize(
    ("sop_class", "words"),
    [
        (uid.MediaStorageDirectoryStorage, "a DICOMDIR, a list of files"),
        (uid.BasicTextSRStorage, "a structured report"),
        (uid.KeyObjectSelectionDocumentStorage, "a key object selection"),
        (uid.GrayscaleSoftcopyPresentationStateStorage, "a presentation state"),
        (uid.RTPlanStorage, "an RT plan"),
        (uid.RTDoseStorage, "an RT dose"),
        (uid.SegmentationStorage, "a segmentation"),
        (uid.ParametricMapStorage, "a parametric map"),
        (uid.EncapsulatedPDFStorage, "an encapsulated document"),
        (uid.TwelveLeadECGWaveformStorage, "a waveform"),
    ],
)
def test_what_is_no_picture_is_named(sop_class, words) -> None:
    """Also one that has pixels, such as the dose of each voxel."""
    content = written(data_set(VALUES, SOPClassUID=sop_class))
    with pytest.raises(HoldsNoPicture, match=f"^a.dcm: {words}, in which no picture is.$"):
        open_dicom(content, "a.dcm")


def test_an_unknown_class_is_named_by_its_modality_or_its_lack_of_pixels() -> None:
    report = written(data_set(VALUES, SOPClassUID=None, Modality="SR"), meta=False)
    assert refusal(report) == "a structured report, in which no picture is"
    no_pixels = written(data_set(VALUES, SOPClassUID="1.2.3", PixelData=None))
    assert refusal(no_pixels) == "a DICOM file in which no picture is: it has no pixels"


@pytest.mark.parametrize(
    ("elements_", "words"),
    [
        ({"Rows": 65535, "Columns": 65535}, "65,535 x 65,535, are more than the 64,000,000 pixels"),
        ({"Rows": 60}, "(7fe0,0010) has 96 bytes, and 1 x 60 x 8 pixels of 16 bits need 960"),
        ({"NumberOfFrames": 2}, "(7fe0,0010) has 96 bytes, and 2 x 6 x 8 pixels of 16 bits need"),
        ({"NumberOfFrames": 2**31 - 1}, "NumberOfFrames is 2,147,483,647"),
        ({"NumberOfFrames": -1}, "NumberOfFrames is -1"),
        ({"Rows": None}, "Rows is missing"),
        ({"Columns": 0}, "Columns is 0"),
        ({"BitsAllocated": 12, "BitsStored": 12}, "BitsAllocated (0028,0100) is 12"),
        ({"BitsStored": 17}, "BitsStored (0028,0101) is 17"),
        ({"HighBit": 16}, "HighBit (0028,0102) is 16"),
        ({"PhotometricInterpretation": "HSV"}, "(0028,0004) is HSV with 1 samples a pixel"),
        ({"SamplesPerPixel": 4}, "with 4 samples a pixel"),
        ({"PixelData": b""}, "(7fe0,0010) has no pixels"),
    ],
)
def test_absurd_and_short_files_are_refused_with_tag_and_reason(elements_, words) -> None:
    """65535 x 65535 pixels in 96 bytes: nothing of that size is ever made."""
    content = written(data_set(VALUES, **elements_))
    tracemalloc.start()
    try:
        assert words in refusal(content)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_file_that_is_cut_off_says_where() -> None:
    content = written(data_set(VALUES, PatientComments="x" * 1000))
    assert refusal(content[:-10]).endswith("it ends within (7fe0,0010), 10 bytes too early")
    assert "it ends within (0010,4000)" in refusal(content[:600])


def test_a_deflated_bomb_is_left_packed(monkeypatch) -> None:
    monkeypatch.setattr("sslapp.imaging.dicom.opening.MAX_BYTES", 10_000_000)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = squeeze.compress(bytes(20_000_000)) + squeeze.flush()
    content = written(data_set(VALUES), says=uid.DeflatedExplicitVRLittleEndian)
    head = content[: content.index(b"1.2.3.4") + 8]
    tracemalloc.start()
    try:
        assert "inflated it has more than the 10,000,000 bytes" in refusal(head + bomb)
        assert tracemalloc.get_traced_memory()[1] < 25_000_000
    finally:
        tracemalloc.stop()
    cut = written(data_set(VALUES), uid.DeflatedExplicitVRLittleEndian)[:-30]
    assert refusal(cut) == "a DICOM file that is not read: its deflated data set is cut off"


def nested(depth: int) -> bytes:
    """A file that begins with open sequences in open sequences of (0008,1140)."""
    level = struct.pack("<HH2sHL", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    level += struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    close = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    plain = written(data_set(VALUES))
    at = plain.index(b"\x08\x00\x16\x00UI")
    return plain[:at] + level * depth + close * depth + plain[at:]


def test_sequences_in_sequences_have_a_limit() -> None:
    np.testing.assert_array_equal(frame_values(open_dicom(nested(10), "a.dcm")), VALUES)
    assert "(0008,1140) has sequences in sequences, 24 deep" in refusal(nested(100_000))


def test_elements_are_counted(monkeypatch) -> None:
    monkeypatch.setattr(elements, "MOST_ELEMENTS", 500)
    content = nested(1)
    many = struct.pack("<HHL", 0xFFFE, 0xE000, 0) * 600
    opened = content.index(struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF))
    assert "more than 500 data elements" in refusal(content[:opened] + many + content[opened:])


def test_items_and_values_that_are_kept_have_a_limit(monkeypatch) -> None:
    """A hundred thousand frames of nothing, and a Rows of half a million numbers."""
    monkeypatch.setattr(elements, "MOST_ITEMS", 10_000)
    made = data_set(VALUES)
    made.PerFrameFunctionalGroupsSequence = item()
    content = written(made, uid.ImplicitVRLittleEndian)
    start = content.index(struct.pack("<HH", 0x5200, 0x9230))
    many = struct.pack("<HHL", 0x5200, 0x9230, 800_000)
    many += struct.pack("<HHL", 0xFFFE, 0xE000, 0) * 100_000
    rows = content.index(struct.pack("<HH", 0x0028, 0x0010))
    wide = struct.pack("<HHL", 0x0028, 0x0010, 1_000_000) + struct.pack("<H", 6) * 500_000
    long = content[:rows] + wide + content[rows + 10 :]
    tracemalloc.start()
    try:
        assert "more than 10,000 items or fragments" in refusal(
            content[:start] + many + content[start + 8 :]
        )
        np.testing.assert_array_equal(frame_values(open_dicom(long, "a.dcm")), VALUES)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_what_is_not_wanted_is_walked_over_whatever_it_is() -> None:
    """Sequences of both kinds of length, in UN, with private elements and pixels of an icon."""
    made = data_set(VALUES)
    icon = item(Rows=1, Columns=1, PixelData=b"\0\0")
    icon[0]["PixelData"].VR = "OW"
    made.IconImageSequence = icon
    made.ReferencedImageSequence = item(ReferencedSOPInstanceUID="1.2.3")
    made["ReferencedImageSequence"].is_undefined_length = True
    made.ReferencedImageSequence[0].is_undefined_length_sequence_item = True
    block = made.private_block(0x0011, "VENDOR", create=True)
    block.add_new(0x01, "UN", b"ZZ" * 100)
    for syntax in NATIVE:
        file = open_dicom(written(made, syntax), "a.dcm")
        np.testing.assert_array_equal(frame_values(file), VALUES)
        assert file.header.format.rows == 6


def test_headers_of_display_sorting_and_grouping_are_read() -> None:
    made = data_set(
        VALUES,
        WindowCenter=["40", "-600"],
        WindowWidth=["80", "1500"],
        WindowCenterWidthExplanation=["BRAIN", "LUNG"],
        RescaleSlope="2",
        RescaleIntercept="-1024",
        PixelSpacing=["0.5", "0.7"],
        ImagePositionPatient=["1", "2", "3.5"],
        ImageOrientationPatient=["1", "0", "0", "0", "1", "0"],
        InstanceNumber="7",
        BodyPartExamined="HEAD",
        PatientAge="018M",
        PatientSex="F",
        BurnedInAnnotation="YES",
        LossyImageCompression="01",
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
        PixelPaddingValue=63536,
    )
    for syntax in NATIVE:
        header = open_dicom(written(made, syntax), "a.dcm").header
        first, second = header.frame(0).windows
        assert (first.center, first.width, first.explanation) == (40, 80, "BRAIN")
        assert (second.center, second.width, second.function) == (-600, 1500, "LINEAR")
        assert (header.frame(0).slope, header.frame(0).intercept) == (2, -1024)
        assert header.frame(0).spacing == (0.5, 0.7)
        assert header.frame(0).position == (1, 2, 3.5)
        assert (header.instance_number, header.body_part, header.sex) == (7, "HEAD", "F")
        assert (header.age_years, header.burned_in, header.lossy) == (1.5, True, True)
        assert (header.padding, header.image_type[2]) == ((63536, 63536), "LOCALIZER")


def test_functional_groups_of_a_frame_come_before_those_of_all() -> None:
    made = data_set(np.zeros((2, 6, 8), np.uint16), WindowCenter="1", WindowWidth="2")
    made.SharedFunctionalGroupsSequence = item(
        PixelMeasuresSequence=item(PixelSpacing=["2", "2"]),
        PixelValueTransformationSequence=item(RescaleSlope="3", RescaleIntercept="4"),
        PlaneOrientationSequence=item(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"]),
    )
    frames = item(
        PlanePositionSequence=item(ImagePositionPatient=["0", "0", "1"]),
        FrameVOILUTSequence=item(WindowCenter="50", WindowWidth="60"),
    )
    frames += item(
        PlanePositionSequence=item(ImagePositionPatient=["0", "0", "9"]),
        PixelValueTransformationSequence=item(RescaleSlope="5", RescaleIntercept="6"),
    )
    made.PerFrameFunctionalGroupsSequence = frames
    for syntax in NATIVE:
        header = open_dicom(written(made, syntax), "a.dcm").header
        first, second = header.frame(0), header.frame(1)
        assert (first.slope, second.slope) == (3, 5)
        assert (first.windows[0].center, second.windows[0].center) == (50, 1)
        assert (first.position, second.position) == ((0, 0, 1), (0, 0, 9))
        assert (first.spacing, second.orientation) == ((2, 2), (1, 0, 0, 0, 1, 0))


def test_suv_factors_are_computed_from_dose_weight_and_times() -> None:
    """370 MBq of F-18 one half-life (6,586 s) before the scan, 74 kg: 74,000 / 185e6."""
    made = data_set(
        VALUES,
        Modality="PT",
        Units="BQML",
        DecayCorrection="START",
        PatientWeight="74",
        SeriesTime="114946.2",
        RadiopharmaceuticalInformationSequence=item(
            RadionuclideTotalDose="370000000",
            RadionuclideHalfLife="6586",
            RadiopharmaceuticalStartTime="100000",
        ),
    )
    assert open_dicom(written(made), "a.dcm").header.suv == pytest.approx(74_000 / 185e6, rel=1e-3)
    made.DecayCorrection = "ADMIN"
    assert open_dicom(written(made), "a.dcm").header.suv == pytest.approx(2e-4)
    made.DecayCorrection = "NONE"
    assert open_dicom(written(made), "a.dcm").header.suv is None
