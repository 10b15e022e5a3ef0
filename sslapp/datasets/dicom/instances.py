"""One DICOM file as a source knows it: under which pseudonyms, and where its frames lie."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset

from sslapp.imaging.dicom.deidentification.described import OLDEST, describe_shortly
from sslapp.imaging.dicom.deidentification.pseudonyms import Pseudonyms
from sslapp.imaging.dicom.geometry import Slice, slices_of
from sslapp.imaging.dicom.header import DicomHeader
from sslapp.imaging.dicom.opening import DicomFile

TEXT_IS_LIKELY = frozenset({"US", "SC", "OT", "ES", "XC", "DOC"})
"""Modalities whose pictures often show a name: screens are copied, and scanners write on them."""

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_DECADE = 10
STUDY = "study-"
"""How the part of a name begins that is a study's, and no series'."""

PATIENT, SERIES, INSTANCE = 12, 8, 16
"""Hexadecimal digits that names show: enough to tell apart what one project holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A DICOM file with pictures.

    Attributes:
        number: of the file in the source, from 1.
        bytes: that it has.
        patient, study, series, own: pseudonyms of what it belongs to and of itself.
        modality: a word of the standard.
        slices: where each frame lies.
        width, height: of a frame.
        kind: "grey, 16 bits".
        may_show_text: whether it says so, or is of a kind that often does and does not deny it.
        facts: heading -> what it says, for metadata; of the whole file.
        notes: what was guessed or mended to read it.
    """

    number: int
    bytes: int
    patient: str
    study: str
    series: str
    own: str
    modality: str
    slices: tuple[Slice, ...]
    width: int
    height: int
    kind: str
    may_show_text: bool
    facts: Mapping[str, str]
    notes: tuple[str, ...]

    def called(self, frame: int) -> str:
        """The name of the image that a frame becomes, from 0."""
        name = f"{self.patient}/{self.modality}-{self.series}/{self.own}"
        return name if len(self.slices) == 1 else f"{name}#{frame + 1}"


def instance_of(file: DicomFile, pseudonyms: Pseudonyms, number: int, size: int) -> Instance:
    """A file that was opened, under its pseudonyms.

    Args:
        number: of the file in its source, from 1.
        size: bytes of the file.
    """
    said, header = describe_shortly(file, pseudonyms), file.header
    layout = header.format
    return Instance(
        number=number,
        bytes=size,
        patient=said.PatientID[:PATIENT],
        study=short(said.StudyInstanceUID, INSTANCE),
        series=short(said.SeriesInstanceUID, SERIES),
        own=short(said.SOPInstanceUID, INSTANCE),
        modality=said.Modality,
        slices=tuple(slices_of(header)),
        width=layout.columns,
        height=layout.rows,
        kind=f"{'colour' if layout.samples == 3 else 'grey'}, {layout.stored} bits",
        may_show_text=_may_show_text(header, said.Modality),
        facts=_facts(said, pseudonyms.scanner(header), pseudonyms.site(header)),
        notes=header.notes,
    )


def short(uid: str, digits: int) -> str:
    """A pseudonym's number in hexadecimal, cut."""
    return f"{int(uid.removeprefix('2.25.')):032x}"[:digits]


def _may_show_text(header: DicomHeader, modality: str) -> bool:
    if header.burned_in is not None:
        return header.burned_in
    return modality in TEXT_IS_LIKELY or header.sop_class.startswith(_SECONDARY_CAPTURE)


def _facts(said: Dataset, scanner: str, site: str) -> dict[str, str]:
    """What may become metadata: of the de-identified file alone, and two pseudonyms."""
    found = {
        "Modality": said.Modality,
        "View": said.get("ViewPosition", ""),
        "Laterality": said.get("ImageLaterality", ""),
        "Body part": said.get("BodyPartExamined", ""),
        "Age": _band(said.get("PatientAge", "")),
        "Sex": said.get("PatientSex", ""),
        "Scanner": scanner,
        "Site": site,
    }
    return {heading: str(value) for heading, value in found.items() if value}


def _band(age: str) -> str:
    """A decade, as "60-69", of an age as files write it."""
    if not age.endswith("Y"):
        return "0-9" if age else ""
    first = int(age[:-1]) // _DECADE * _DECADE
    return f"{first}+" if first >= OLDEST else f"{first}-{first + _DECADE - 1}"
