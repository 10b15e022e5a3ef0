"""A folder of DICOM files of two patients, with who they are in every place that a file has."""

import io
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dicom_files import data_set, item, run_lengths, written
from lossless_jpeg import lossless_jpeg
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import write_file_meta_info
from pydicom.sequence import Sequence

FOLDER = "DOE^JANE_19610203"
_FOLDERS = (f"{FOLDER}/CT 47110815", "SAKUMA TARO 19470311/MRN90210777")

_random = np.random.default_rng(20_261_201)


def _pattern() -> bytes:
    return _random.bytes(16)


PREAMBLE, META, PRIVATE, OVERLAY, ICON = (_pattern() for _ in range(5))
CURVE, TRAILING, COMMENT, APPLICATION, SPECTRUM = (_pattern() for _ in range(5))
_NIBBLES = np.frombuffer(b"QUILLFEATHER".hex().encode(), "S1").astype("S1")
HIDDEN = (
    np.array([int(each, 16) for each in _NIBBLES], "<u2") << 12 | np.arange(24, dtype="<u2") * 9
)
"""Words whose unused bits spell a name."""


@dataclass(frozen=True)
class Patient:
    """Who is planted.

    Attributes:
        character_set: SpecificCharacterSet of the first of their files.
        name: as DICOM writes it.
        number: PatientID; digits: of it, which UIDs hold too.
        born, studied: dates as DICOM writes them.
    """

    character_set: str | list[str]
    name: str
    number: str
    digits: str
    born: str
    studied: str
    accession: str
    institution: str
    physician: str
    address: str


PATIENTS = (
    Patient(
        *("ISO_IR 100", "Mühlenbrück-Quillfeather^Evangelina", "MRN47110815", "47110815"),
        *("19610203", "20240229", "ACC7783120", "Sankt-Ägidien-Klinik", "Dr^Öztürkmann"),
        "Nebelhornstraße 1743",
    ),
    Patient(
        *(["", "ISO 2022 IR 87"], "Sakumahara^Tarosuke=佐久間原^太郎助"),
        *("MRN90210777", "90210777", "19470311", "20231117", "ACC5520984"),
        *("Kamogawa Byouin", "Watanabeshi^Kenjirou", "Higashiyama-ku 5512"),
    ),
)

TEXTS = (
    *("Mühlenbrück", "Quillfeather", "Evangelina", "Sakumahara", "Tarosuke", "佐久間原", "太郎助"),
    *("47110815", "90210777", "19610203", "19470311", "20240229", "20231117"),
    *("ACC7783120", "ACC5520984", "Sankt-Ägidien", "Kamogawa", "Öztürkmann", "Watanabeshi"),
    *("Nebelhornstraße", "Higashiyama", "231759.847", "DOE^JANE", "SAKUMA TARO"),
)
"""Every text that may be in no workspace."""

PATTERNS = (
    *(PREAMBLE, META, PRIVATE, OVERLAY, ICON, CURVE, TRAILING, COMMENT, APPLICATION, SPECTRUM),
    HIDDEN.tobytes(),
)
"""Every row of bytes that may be in no workspace."""

SECRETS = (*TEXTS, *PATTERNS)


@dataclass(frozen=True)
class Planted:
    """What was written.

    Attributes:
        folder: called by a patient, as those in it are.
        pictures: the files that hold pictures, which are whole.
        others: a report and a broken file.
    """

    folder: Path
    pictures: tuple[Path, ...]
    others: tuple[Path, ...]


def plant(top: Path) -> Planted:
    """Write the folder below another."""
    folder = top / "DOE^JANE"
    pictures, others = [], []
    for index, patient in enumerate(PATIENTS):
        below = folder / _FOLDERS[index]
        below.mkdir(parents=True)
        name = patient.name.split("=")[0].replace("^", "_")
        for number, (what, content) in enumerate(_pictures(patient).items()):
            pictures.append(below / f"{name} {number:02} {what}.dcm")
            pictures[-1].write_bytes(content)
        others += [below / f"broken {name}.dcm", below / f"report {patient.number}"]
        others[-2].write_bytes(_pictures(patient)["plain"][:-300])
        others[-1].write_bytes(_whole(_report(patient), uid.ExplicitVRLittleEndian))
    return Planted(folder, tuple(pictures), tuple(others))


def _pictures(patient: Patient) -> dict[str, bytes]:
    """A file each of what a picture can be written as."""
    # each another picture, and none too bright for 12 bits
    values, *others = (_values(patient) + each for each in range(8))
    hidden, hidden_too = values.copy(), others[0].copy()
    hidden.ravel()[:24] = hidden_too.ravel()[:24] = HIDDEN
    narrow = {"BitsStored": 12, "HighBit": 11}
    grey = (values >> 4).astype(np.uint8)
    unicode_ = {"SpecificCharacterSet": "ISO_IR 192"}
    explicit, numbers = uid.ExplicitVRLittleEndian, iter(range(1, 99))

    def made(pixels: np.ndarray, **elements: object) -> Dataset:
        return _data_set(patient, next(numbers), pixels, **elements)

    odd = _whole(made(others[5]), explicit)
    at = odd.index(b"\x10\0\x10\0PN")
    return {
        "plain": _whole(made(hidden, **narrow), explicit),
        "implicit": _whole(made(others[1]), uid.ImplicitVRLittleEndian),
        "big": _whole(made(others[2], **unicode_), uid.ExplicitVRBigEndian),
        "deflated": _whole(made(others[3], **unicode_), uid.DeflatedExplicitVRLittleEndian),
        "frames": _whole(_with_groups(made(np.stack(others[4:6])), patient), explicit),
        "odd": odd[:at] + _unknown_kind(patient) + odd[at:],
        "runs": _whole(made(others[6]), uid.RLELossless, [run_lengths(others[6])]),
        "lossless": _whole(
            made(values + 8), uid.JPEGLosslessSV1, [_commented(values + 8, patient)]
        ),
        "jpeg": _whole(made(grey), uid.JPEGBaseline8Bit, [_jpeg(grey, patient)]),
        "bits": _whole(
            made(hidden_too, **narrow), uid.JPEGLosslessSV1, [lossless_jpeg(hidden_too, 16)]
        ),
    }


def _values(patient: Patient) -> np.ndarray:
    """(16, 16) of 12 bits, others for every patient."""
    seed = int(patient.digits)
    return np.random.default_rng(seed).integers(0, 4000, (16, 16)).astype(np.uint16)


def _data_set(patient: Patient, number: int, values: np.ndarray, **elements: object) -> Dataset:
    root = f"1.2.826.0.1.3680043.{patient.digits}"
    person, remark = patient.name, f"{patient.name.split('=')[0]} {patient.number}"
    found = {
        "SpecificCharacterSet": patient.character_set,
        "StudyInstanceUID": f"{root}.1",
        "SeriesInstanceUID": f"{root}.1.{number}",
        "SOPInstanceUID": f"{root}.1.{number}.7",
        "FrameOfReferenceUID": f"{root}.2",
        "IrradiationEventUID": f"{root}.3",
        "InstanceNumber": number,
        "BurnedInAnnotation": "NO",
        **{"PatientName": person, "PatientBirthName": person, "OtherPatientNames": person},
        **{"PatientID": patient.number, "IssuerOfPatientID": patient.institution},
        **{"PatientBirthDate": patient.born, "PatientMotherBirthName": person},
        **{"PatientAddress": patient.address, "PatientTelephoneNumbers": patient.digits},
        **{"PatientComments": remark, "AdditionalPatientHistory": remark, "StudyID": remark[:16]},
        **{"StudyDate": patient.studied, "SeriesDate": patient.studied},
        **{"ContentDate": patient.studied, "AcquisitionDate": patient.studied},
        "AcquisitionDateTime": f"{patient.studied}231759.847",
        "StudyTime": "231759.847",
        "AccessionNumber": patient.accession,
        **{"InstitutionName": patient.institution, "InstitutionAddress": patient.address},
        **{"ReferringPhysicianName": patient.physician, "OperatorsName": patient.physician},
        **{"PerformingPhysicianName": patient.physician, "StationName": patient.number},
        **{"Manufacturer": patient.institution, "ManufacturerModelName": remark},
        **{"DeviceSerialNumber": patient.digits, "ProtocolName": remark},
        **{"StudyDescription": remark, "SeriesDescription": remark, "ImageComments": remark},
        # codes, which are places for any text
        **{"BodyPartExamined": "QUILLFEATHER", "ViewPosition": "EVANGELINA"},
        **{"Laterality": "SAKUMAHARA", "PatientSex": "TAROSUKE", "RescaleType": "QUILLFEATHER"},
        "ImageType": ["ORIGINAL", "QUILLFEATHER", "47110815"],
        **{"RescaleSlope": "1", "RescaleIntercept": "0"},
        **{"WindowCenter": ["40", "50"], "WindowWidth": ["400", "500"]},
        "WindowCenterWidthExplanation": [remark, f"{patient.name.split('=')[0]} LUNG"],
        "RequestAttributesSequence": item(
            RequestedProcedureDescription=remark,
            ScheduledProcedureStepID=patient.accession,
            ReferencedStudySequence=item(ReferencedSOPInstanceUID=f"{root}.9"),
        ),
        "OtherPatientIDsSequence": item(PatientID=patient.number, IssuerOfPatientID=remark),
        "ReferencedPatientSequence": item(ReferencedSOPInstanceUID=f"{root}.8"),
        "OriginalAttributesSequence": item(
            ModifiedAttributesSequence=item(PatientName=person, PatientID=patient.number)
        ),
        "DataSetTrailingPadding": TRAILING,
    }
    made = data_set(values, **(found | elements))
    _add_pictures_of_other_kinds(made, patient)
    block = made.private_block(0x0011, remark, create=True)
    block.add_new(0x01, "UN", PRIVATE + patient.number.encode("utf-16-le"))
    block.add_new(0x02, "LT", remark)
    block.add_new(0x03, "SQ", item(PatientName=person))
    return made


def _add_pictures_of_other_kinds(made: Dataset, patient: Patient) -> None:
    """Overlays, a curve, an icon and the rest of a table."""
    icon = item(Rows=4, Columns=4, BitsAllocated=8, PixelData=ICON)
    icon[0]["PixelData"].VR = "OB"
    made.IconImageSequence = icon
    table = item(LUTExplanation=patient.number, PatientName=patient.name)
    table[0].add_new("LUTDescriptor", "US", [4, 0, 16])
    table[0].add_new("LUTData", "OW", np.arange(4, dtype="<u2").tobytes() + SPECTRUM)
    made.VOILUTSequence = table
    for tag, kind, value in (
        (0x60000010, "US", 16),
        (0x60000011, "US", 8),
        (0x60000022, "LO", patient.number),
        (0x60001500, "LO", patient.physician),
        (0x60003000, "OW", OVERLAY),
        (0x50000005, "US", 1),
        (0x50002500, "LO", patient.number),
        (0x50003000, "OW", CURVE),
    ):
        made.add_new(tag, kind, value)


def _with_groups(made: Dataset, patient: Patient) -> Dataset:
    """The same with functional groups of its frames, which hold names beside numbers."""
    groups = Sequence()
    for z in ("1", "2"):
        groups += item(
            PlanePositionSequence=item(ImagePositionPatient=["0", "0", z]),
            FrameAnatomySequence=item(FrameLaterality="QUILLFEATHER"),
            FrameContentSequence=item(FrameComments=patient.number),
            FrameVOILUTSequence=item(
                WindowCenter="4", WindowWidth="9", WindowCenterWidthExplanation=patient.number
            ),
        )
    made.PerFrameFunctionalGroupsSequence = groups
    return made


def _unknown_kind(patient: Patient) -> bytes:
    """Private elements whose value representation no standard knows."""
    name = patient.number.ljust(12).encode()
    creator = struct.pack("<HH2sH", 9, 0x10, b"LO", len(name)) + name
    value = PRIVATE + name
    return creator + struct.pack("<HH2sH", 9, 0x1001, b"ZZ", len(value)) + value


def _commented(values: np.ndarray, patient: Patient) -> bytes:
    frame = lossless_jpeg(values, 16)
    return frame[:2] + _segment(0xFE, COMMENT + patient.number.encode()) + frame[2:]


def _jpeg(values: np.ndarray, patient: Patient) -> bytes:
    """With a comment, Exif, another application's data, and more behind its end."""
    target = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = patient.number
    Image.fromarray(values).save(target, "JPEG", quality=95, exif=exif, comment=COMMENT)
    content = target.getvalue()
    return content[:2] + _segment(0xE5, APPLICATION) + content[2:] + COMMENT


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", 2 + len(content)) + content


def _report(patient: Patient) -> Dataset:
    made = _data_set(patient, 99, _values(patient), SOPClassUID=uid.BasicTextSRStorage)
    made.Modality = "SR"
    made.ContentSequence = item(ValueType="TEXT", TextValue=f"{patient.name} was here.")
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated"):
        delattr(made, keyword)
    return made


def _whole(made: Dataset, syntax: str, frames: list[bytes] | None = None) -> bytes:
    """A file with a preamble and file meta information that tell as well."""
    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength = 0
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = made.SOPClassUID
    meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    meta.TransferSyntaxUID = uid.UID(syntax)
    meta.ImplementationClassUID = f"1.2.{made.PatientID[3:]}"
    meta.SourceApplicationEntityTitle = "QUILLFEATHER"
    meta.PrivateInformationCreatorUID = made.StudyInstanceUID
    meta.PrivateInformation = META
    target = io.BytesIO()
    write_file_meta_info(target, meta, enforce_standard=False)
    head = PREAMBLE + made.PatientID.encode()
    body = written(made, syntax, frames=frames, preamble=False, meta=False)
    return head.ljust(128, b"\0") + b"DICM" + target.getvalue() + body
