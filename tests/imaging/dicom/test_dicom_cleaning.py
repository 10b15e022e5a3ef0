"""De-identified files: nothing of the person is left, and nothing of the picture is lost."""

import base64
import hashlib
import io
import struct

import numpy as np
import pydicom
import pytest
from dicom_files import COLOURS, GREY, HTJ2K, SECRET, data_set, item, run_lengths, written
from lossless_jpeg import lossless_jpeg
from PIL import Image
from pydicom import uid

from sslapp.imaging.dicom.deidentification.cleaning import cleaned
from sslapp.imaging.dicom.display import display
from sslapp.imaging.dicom.opening import open_dicom
from sslapp.imaging.dicom.pixels.frames import frame_values
from sslapp.imaging.refused import RefusedFile

NAME = "ZZMÜSTER"
NUMBER = "ZZ-ID-4711"
DATES = ("19470311", "20240229")


def forms(text: str) -> list[bytes]:
    """A text as it may stand in a file: in many encodings, in base64 at every offset, hashed."""
    found = [text.encode(each) for each in ("utf-8", "latin-1", "utf-16-le", "utf-16-be")]
    found.append(text.encode("ascii", "ignore"))
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + text.encode())
        found.append(coded[4 if offset else 0 : -4])  # without what its neighbours change
    for digest in ("md5", "sha1", "sha256"):
        hashed = hashlib.new(digest, text.encode())
        found += [hashed.digest(), hashed.hexdigest().encode()]
    return [each for each in found if len(each) >= 4]


def assert_gone(content: bytes, *texts: str) -> None:
    for text in texts:
        for form in forms(text):
            assert form not in content, (text, form)


def personal(values: np.ndarray = GREY, **elements: object) -> pydicom.Dataset:
    """A file with a person in every corner."""
    base64_name = base64.b64encode(NAME.encode()).decode()
    person = {
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientName": f"{NAME}^ANNA",
        "PatientID": NUMBER,
        "IssuerOfPatientID": NAME,
        "PatientBirthDate": DATES[0],
        "StudyDate": DATES[1],
        "AcquisitionDate": DATES[1],
        "PatientAge": "076Y",
        "PatientSex": "F",
        "PatientComments": base64_name,
        "InstitutionName": NAME,
        "StationName": NUMBER,
        "ReferringPhysicianName": NAME,
        "StudyDescription": f"{NAME} {NUMBER}",
        "AccessionNumber": NUMBER,
        "Manufacturer": NAME,
        "ManufacturerModelName": NAME,
        "BodyPartExamined": "ZZMUSTER",
        "ImageType": ["ORIGINAL", "PRIMARY", "ZZMUSTER", "AXIAL"],
        "RequestAttributesSequence": item(RequestedProcedureDescription=NAME),
        "WindowCenter": ["100", "200"],
        "WindowWidth": ["100", "200"],
        "WindowCenterWidthExplanation": [NAME, f"{NAME} LUNG 1947 2"],
        "RescaleSlope": "1",
        "RescaleIntercept": "0",
        "RescaleType": "ZZMUSTER",
    }
    made = data_set(values, **(person | elements))
    voi = item(LUTData=np.arange(4, dtype="<u2").tobytes() + NAME.encode("utf-16-le"))
    voi[0].add_new("LUTDescriptor", "US", [4, 0, 16])
    voi[0]["LUTData"].VR = "OW"
    voi[0].LUTExplanation = NAME
    voi[0].PatientName = NAME
    made.VOILUTSequence = voi
    icon = item(Rows=2, Columns=2, PixelData=NUMBER.encode())
    icon[0]["PixelData"].VR = "OB"
    made.IconImageSequence = icon
    made.private_block(0x0011, NAME, create=True).add_new(0x01, "UN", NUMBER.encode("utf-16-le"))
    made.add_new(0x60000010, "US", 8)
    made.add_new(0x60003000, "OW", NUMBER.encode())
    made.add_new(0x60000022, "LO", NAME)
    return made


@pytest.mark.parametrize(
    "syntax",
    [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian],
    ids=lambda each: each.keyword,
)
def test_no_name_number_or_date_is_left_in_any_form(syntax) -> None:
    content = written(personal(), syntax) + NAME.encode() * 3
    assert NUMBER.encode() in content
    assert b"ZZAETITLE" in content
    found, report = cleaned(content, SECRET)
    assert_gone(found, NAME, NUMBER, *DATES, "ZZMUSTER", "ZZAETITLE", "1.2.3.4\0", "ANNA")
    assert b"1.2.826.0.1.3680043.8.498.7" not in found
    assert report.dropped["private elements"] == 2
    assert report.dropped["overlays"] == 3
    assert report.dropped["PatientBirthDate"] == report.dropped["IconImageSequence"] == 1
    said = repr(report)
    assert_gone(said.encode(), NAME, NUMBER, *DATES)


def test_the_picture_and_what_shows_it_stay_to_the_bit() -> None:
    made = personal(
        PixelSpacing=["0.5", "0.61"],
        ImagePositionPatient=["-158.1358032227", "-179", "75.7"],
        ImageOrientationPatient=["1", "0", "0", "0", "1", "0"],
        PixelPaddingValue=0,
        PhotometricInterpretation="MONOCHROME1",
        BurnedInAnnotation="NO",
        InstanceNumber="5",
    )
    del made.VOILUTSequence
    before = open_dicom(written(made), "a.dcm")
    content, _ = cleaned(before, SECRET)
    after = open_dicom(content, "a.dcm")
    np.testing.assert_array_equal(frame_values(after), frame_values(before))
    shown = [display(each.header, frame_values(each)) for each in (before, after)]
    np.testing.assert_array_equal(*shown)
    for name in ("format", "padding", "burned_in", "sex", "instance_number", "modality"):
        assert getattr(after.header, name) == getattr(before.header, name), name
    assert after.header.facts.position == before.header.facts.position
    assert [each.explanation for each in after.header.facts.windows] == ["", "LUNG 2"]
    assert after.header.image_type == ("ORIGINAL", "PRIMARY", "AXIAL")
    assert (after.header.age_years, after.header.notes) == (76, ())


def test_the_file_says_how_it_was_de_identified_and_is_a_whole_one() -> None:
    content, _ = cleaned(written(personal(PatientAge="102Y")), SECRET)
    found = pydicom.dcmread(io.BytesIO(content))
    assert found.PatientIdentityRemoved == "YES"
    assert found.LongitudinalTemporalInformationModified == "MODIFIED"
    codes = [each.CodeValue for each in found.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113105", "113107", "113108"]
    assert (found.PatientAge, found.PatientName, found.PatientBirthDate) == ("090Y", "", "")
    assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID
    assert found.file_meta.TransferSyntaxUID == uid.ExplicitVRLittleEndian
    assert found.file_meta.FileMetaInformationGroupLength > 100
    np.testing.assert_array_equal(found.pixel_array, GREY)


def identified(content: bytes, secret: bytes = SECRET) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(cleaned(content, secret)[0]))


def test_pseudonyms_are_the_same_under_one_secret_and_others_under_another() -> None:
    first = written(personal(SOPInstanceUID="1.2.1"))
    second = written(personal(SOPInstanceUID="1.2.2", StudyDate="20240310"))
    assert cleaned(first, SECRET) == cleaned(first, SECRET)
    a, b, c = identified(first), identified(second), identified(first, SECRET[::-1])
    assert (a.PatientID, a.StudyInstanceUID) == (b.PatientID, b.StudyInstanceUID)
    assert a.SOPInstanceUID != b.SOPInstanceUID
    for keyword in ("PatientID", "StudyInstanceUID", "SOPInstanceUID", "StudyDate"):
        assert a[keyword].value != c[keyword].value, keyword
    # ten days between them stay ten days
    days = [pydicom.valuerep.DA(each.StudyDate).toordinal() for each in (a, b)]
    assert days[1] - days[0] == 10
    assert a.StudyDate < DATES[1]
    other = identified(written(personal(PatientID="ZZ-ID-4712")))
    assert other.PatientID != a.PatientID


def test_without_a_number_the_study_stands_for_the_patient_and_that_is_said() -> None:
    _, report = cleaned(written(personal(PatientID=None)), SECRET)
    assert report.notes == ("it names no patient, and its study stands for one",)
    with pytest.raises(ValueError, match="The secret has 3 bytes"):
        cleaned(written(personal()), b"abc")


def test_overlays_in_unused_bits_are_gone_and_signs_stay() -> None:
    hidden = (GREY >> 4) | 0xF000
    content, _ = cleaned(written(personal(hidden, BitsStored=12, HighBit=11)), SECRET)
    found = pydicom.dcmread(io.BytesIO(content))
    np.testing.assert_array_equal(np.frombuffer(found.PixelData, "<u2"), (GREY >> 4).ravel())
    signed = np.int16([[-5, 2047], [-2048, 7]])
    content, _ = cleaned(written(personal(signed, BitsStored=12, HighBit=11)), SECRET)
    found = pydicom.dcmread(io.BytesIO(content))
    np.testing.assert_array_equal(np.frombuffer(found.PixelData, "<i2"), signed.ravel())


@pytest.mark.parametrize("syntax", [uid.JPEGLosslessSV1, uid.RLELossless])
def test_compressed_overlays_in_unused_bits_are_decompressed_away(syntax) -> None:
    """Declared or not; a file whose unused bits are empty stays compressed."""
    code = run_lengths if syntax == uid.RLELossless else lambda each: lossless_jpeg(each, 16)
    bits = {"BitsStored": 12, "HighBit": 11}
    for values, hides in ((GREY | 0xF000, True), (GREY & 0xFFF, False)):
        content = written(personal(values, **bits), syntax, frames=[code(values)])
        found, report = cleaned(content, SECRET)
        assert ("decompressed" in repr(report.notes)) == hides
        after = open_dicom(found, "a.dcm")
        assert after.header.syntax == (uid.ExplicitVRLittleEndian if hides else syntax)
        np.testing.assert_array_equal(frame_values(after), GREY & 0xFFF)
    made = personal(GREY & 0xFFF, **bits)
    del made[0x60003000]
    made.add_new(0x60000102, "US", 12)
    content = written(made, syntax, frames=[code(GREY & 0xFFF)])
    assert "decompressed" in repr(cleaned(content, SECRET)[1].notes)


def test_comments_and_application_data_of_a_jpeg_are_gone_and_its_frames_stay() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    target = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = NUMBER
    Image.fromarray(colours).save(target, "JPEG", exif=exif, comment=NAME.encode())
    frame = target.getvalue() + NUMBER.encode()
    assert NAME.encode() in frame
    made = personal(colours, PhotometricInterpretation="YBR_FULL_422")
    content = written(made, uid.JPEGBaseline8Bit, frames=[frame])
    found, _ = cleaned(content, SECRET)
    assert_gone(found, NAME, NUMBER, "Exif")
    after = open_dicom(found, "a.dcm")
    assert after.header.syntax == uid.JPEGBaseline8Bit
    np.testing.assert_array_equal(frame_values(after), frame_values(open_dicom(content, "a")))


def test_a_frame_that_would_be_another_without_its_comments_is_refused(monkeypatch) -> None:
    where = "sslapp.imaging.dicom.deidentification.cleaning.without_remarks"
    monkeypatch.setattr(where, lambda frame, syntax: lossless_jpeg(GREY + 1, 16))
    content = written(personal(), uid.JPEGLosslessSV1, frames=[lossless_jpeg(GREY, 16)])
    with pytest.raises(RefusedFile, match="is another without its comments"):
        cleaned(content, SECRET)


def test_stray_bytes_between_the_segments_of_a_jpeg_are_left_out() -> None:
    target = io.BytesIO()
    grey = np.linspace(0, 255, 256).reshape(16, 16).astype(np.uint8)
    Image.fromarray(grey).save(target, "JPEG")
    at = target.getvalue().index(b"\xff\xda")
    frame = target.getvalue()[:at] + NUMBER.encode() + target.getvalue()[at:]
    content = written(personal(grey), uid.JPEGBaseline8Bit, frames=[frame])
    found, _ = cleaned(content, SECRET)
    assert_gone(found, NUMBER)
    shown = [frame_values(open_dicom(each, "a.dcm")) for each in (content, found)]
    np.testing.assert_array_equal(*shown)


def test_remarks_of_jpeg_2000_and_lossless_jpeg_are_gone() -> None:
    remark = b"\xff\x64" + struct.pack(">HH", 4 + len(NUMBER), 1) + NUMBER.encode()
    at = HTJ2K.index(b"\xff\x64")
    comment = b"\xff\xfe" + struct.pack(">H", 2 + len(NUMBER)) + NUMBER.encode()
    plain = lossless_jpeg(GREY, 16)
    for syntax, frame in (
        (uid.HTJ2KLossless, HTJ2K[:at] + remark + HTJ2K[at:]),
        (uid.JPEGLosslessSV1, plain[:2] + comment + plain[2:]),
    ):
        found, _ = cleaned(written(personal(), syntax, frames=[frame]), SECRET)
        assert_gone(found, NUMBER, "OpenJPH")
        np.testing.assert_array_equal(frame_values(open_dicom(found, "a.dcm")), GREY)


def test_rle_with_anything_beside_its_segments_is_refused() -> None:
    for values in (GREY, COLOURS):
        frame = run_lengths(values)
        assert frame[20:64] == bytes(44)
        content = written(personal(values), uid.RLELossless, frames=[frame])
        after = open_dicom(cleaned(content, SECRET)[0], "a.dcm")
        assert after.header.syntax == uid.RLELossless
        np.testing.assert_array_equal(frame_values(after), values)
        planted = [frame[:20] + NUMBER.encode().ljust(44, b"\0") + frame[64:]]
        for place in (len(frame), int.from_bytes(frame[8:12], "little")):
            planted.append(frame[:place] + NAME.encode() + frame[place:])
        for each in planted:
            content = written(personal(values), uid.RLELossless, frames=[each])
            with pytest.raises(RefusedFile, match="is damaged"):
                cleaned(content, SECRET)


def test_frames_keep_their_places_windows_and_number() -> None:
    made = personal(np.stack([GREY, GREY + 5, GREY + 9]))
    groups = item(PlanePositionSequence=item(ImagePositionPatient=["1", "2", "3.25"]))
    for z in ("4", "5"):
        groups += item(
            PlanePositionSequence=item(ImagePositionPatient=["1", "2", z]),
            FrameVOILUTSequence=item(WindowCenter=z, WindowWidth="9", PatientName=NAME),
            PixelValueTransformationSequence=item(RescaleSlope="2", RescaleIntercept="-1"),
        )
    made.PerFrameFunctionalGroupsSequence = groups
    frames = [lossless_jpeg(GREY + each, 16) for each in (0, 5, 9)]
    before = open_dicom(written(made, uid.JPEGLosslessSV1, frames=frames), "a.dcm")
    content, _ = cleaned(before, SECRET)
    assert_gone(content, NAME, NUMBER)
    after = open_dicom(content, "a.dcm")
    assert after.header.syntax == uid.JPEGLosslessSV1
    for at in range(3):
        np.testing.assert_array_equal(frame_values(after, at), frame_values(before, at))
        for name in ("slope", "intercept", "position", "spacing"):
            wanted = getattr(before.header.frame(at), name)
            assert getattr(after.header.frame(at), name) == wanted
        centers = [[w.center for w in each.header.frame(at).windows] for each in (before, after)]
        assert centers[0] == centers[1]


def test_the_factor_of_suv_stays_without_weight_dose_and_times() -> None:
    made = personal(
        Modality="PT",
        Units="BQML",
        DecayCorrection="START",
        PatientWeight="74",
        SeriesTime="113333",
        RadiopharmaceuticalInformationSequence=item(
            RadionuclideTotalDose="371234567",
            RadionuclideHalfLife="6586.2",
            RadiopharmaceuticalStartTime="101112",
        ),
    )
    before = open_dicom(written(made), "a.dcm")
    content, _ = cleaned(before, SECRET)
    assert before.header.suv is not None
    assert open_dicom(content, "a.dcm").header.suv == pytest.approx(before.header.suv, rel=1e-12)
    assert_gone(content, "371234567", "113333", "101112")


def test_palettes_and_ultrasound_regions_stay() -> None:
    made = personal(np.uint8([[0, 1, 2, 3]]), PhotometricInterpretation="PALETTE COLOR")
    for at, colour in enumerate(("Red", "Green", "Blue")):
        name = f"{colour}PaletteColorLookupTable"
        made.add_new(f"{name}Descriptor", "US", [3, 1, 16])
        entries = np.array([0, 0x4000, 0xFF00], "<u2") >> at
        made.add_new(f"{name}Data", "OW", entries.tobytes())
    made.SequenceOfUltrasoundRegions = item(
        RegionLocationMinX0=0,
        RegionLocationMinY0=0,
        RegionLocationMaxX1=3,
        RegionLocationMaxY1=1,
        RegionDataType=1,
        RegionSpatialFormat=1,
        PhysicalUnitsXDirection=3,
        PhysicalUnitsYDirection=3,
        PhysicalDeltaX=0.02,
        PhysicalDeltaY=0.03,
    )
    before = open_dicom(written(made), "a.dcm")
    after = open_dicom(cleaned(before, SECRET)[0], "a.dcm")
    np.testing.assert_array_equal(frame_values(after), frame_values(before))
    assert after.header.regions == before.header.regions
    assert after.header.regions[0].spacing == pytest.approx((0.3, 0.2))


def test_a_damaged_file_is_refused_by_its_name() -> None:
    with pytest.raises(RefusedFile, match=r"^b\.dcm: .* it ends within \(7fe0,0010\)"):
        cleaned(written(data_set())[:-7], SECRET, "b.dcm")
