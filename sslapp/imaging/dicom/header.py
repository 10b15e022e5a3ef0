"""What a DICOM file says of its pictures: the whitelist, typed (PS3.3, annex C)."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Vector = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ViewWindow:
    """A window on the values of the modality (PS3.3, section C.11.2.1.2).

    Attributes:
        center, width: in units of the rescaled values.
        function: LINEAR, LINEAR_EXACT or SIGMOID.
        explanation: what the file calls it; "" where it does not.
    """

    center: float
    width: float
    function: str = "LINEAR"
    explanation: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LookupTable:
    """A table from whole numbers to whole numbers (PS3.3, section C.11.1.1).

    Attributes:
        first: the value that the first entry is for; smaller ones get it too, larger the last.
        entries: (n,) uint16.
        bits: of an entry.
        explanation: what the file calls it; "" where it does not.
    """

    first: int
    entries: NDArray[np.uint16]
    bits: int
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How the values of a frame lie in the file (PS3.3, section C.7.6.3).

    Attributes:
        rows, columns: of a frame.
        frames: how many there are.
        samples: a pixel, 1 or 3.
        photometric: MONOCHROME1, MONOCHROME2, PALETTE COLOR, RGB, YBR_...
        planar: 1 where colours lie in planes, 0 where in pixels.
        allocated, stored, high_bit: bits of a sample, those of them that are its value, the
            highest of these.
        signed: whether values are in two's complement.
        kind: "int", "float32" or "float64".
    """

    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    planar: int
    allocated: int
    stored: int
    high_bit: int
    signed: bool
    kind: str = "int"


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """What is said of one frame, by functional groups or by the data set for all.

    Attributes:
        slope, intercept: of the rescaling; None where there is none.
        rescale_type: unit of the rescaled values ("HU", ...); "" where it is not said.
        windows: in the order of the file.
        position: of the middle of the first pixel in mm: to the left, to the back, to the head.
        orientation: direction of a row and of a column, six cosines.
        spacing: mm from row to row and from column to column.
        laterality: L, R, B, U; "" where it is not said.
    """

    slope: float | None = None
    intercept: float | None = None
    rescale_type: str = ""
    windows: tuple[ViewWindow, ...] = ()
    position: Vector | None = None
    orientation: Vector | None = None
    spacing: Vector | None = None
    laterality: str = ""

    def or_else(self, other: "FrameFacts") -> "FrameFacts":
        """These facts, and another's where these say nothing; a rescaling is taken as a whole."""
        rescaled = self if self.slope is not None else other
        return FrameFacts(
            rescaled.slope,
            rescaled.intercept,
            rescaled.rescale_type,
            self.windows or other.windows,
            self.position or other.position,
            self.orientation or other.orientation,
            self.spacing or other.spacing,
            self.laterality or other.laterality,
        )


@dataclass(frozen=True, slots=True)
class UltrasoundRegion:
    """A region of an ultrasound picture in pixels, ends included (PS3.3, section C.8.5.5).

    Attributes:
        left, top, right, bottom: its corners.
        spacing: mm from row to row and from column to column; None where its axes are no lengths.
        data_type: 1 tissue, 2 colour flow, 3 and 4 Doppler, ...; 0 where it is not said.
    """

    left: int
    top: int
    right: int
    bottom: int
    spacing: Vector | None
    data_type: int


@dataclass(frozen=True, slots=True, eq=False)
class DicomHeader:
    """What display, sorting and grouping need of a file.

    Attributes:
        syntax: UID of the transfer syntax, as said or as guessed.
        notes: what was guessed or mended, each a sentence without its full stop.
        sop_class, instance_uid, study_uid, series_uid, reference_uid: UIDs; "" where missing.
        patient_id: to be hashed with a key, never to be stored as it is.
        modality, image_type, body_part, view, laterality, sex: codes; "" or () where missing.
        age_years: at the study; None where neither age nor date of birth is said.
        manufacturer, scanner: of the device; institution: where it stands, to be hashed as well.
        study_date: YYYYMMDD, "" where missing.
        series_number, instance_number: None where missing.
        format: how values lie in the file.
        padding: stored values from here to here are no picture.
        modality_table, voi_tables: tables of the data set.
        palette: (n, 3) uint8 and the value of its first entry.
        facts: of all frames; own: what functional groups say of each, or nothing.
        inverse: whether PresentationLUTShape is INVERSE.
        detector_spacing: mm at the detector or on the film; in the patient things are smaller.
        aspect: height and width of a pixel, in any unit.
        burned_in: whether the file says that text is burned in; None where it says nothing.
        face: whether it says that a face may be recognised.
        regions: of ultrasound.
        overlays: how many overlays it brings; hidden_overlays: of these, in unused bits of pixels.
        lossy: whether it was compressed with loss before.
        suv: grams per ml per unit of rescaled value, by body weight; None where not known.
        units: of PET, as in (0054,1001).
    """

    syntax: str
    notes: tuple[str, ...]
    sop_class: str
    instance_uid: str
    study_uid: str
    series_uid: str
    reference_uid: str
    patient_id: str
    modality: str
    image_type: tuple[str, ...]
    body_part: str
    view: str
    laterality: str
    age_years: float | None
    sex: str
    manufacturer: str
    scanner: str
    institution: str
    study_date: str
    series_number: int | None
    instance_number: int | None
    format: PixelFormat
    padding: tuple[int, int] | None
    modality_table: LookupTable | None
    voi_tables: tuple[LookupTable, ...]
    palette: tuple[NDArray[np.uint8], int] | None
    facts: FrameFacts
    own: tuple[FrameFacts, ...]
    inverse: bool
    detector_spacing: Vector | None
    aspect: Vector | None
    burned_in: bool | None
    face: bool | None
    regions: tuple[UltrasoundRegion, ...]
    overlays: int
    hidden_overlays: int
    lossy: bool
    suv: float | None
    units: str
    offsets: tuple[bytes, bytes] | None = field(default=None, repr=False)

    def frame(self, index: int) -> FrameFacts:
        """What holds for one frame: its own where functional groups say it, else that of all."""
        if index >= len(self.own):
            return self.facts
        return self.own[index].or_else(self.facts)
