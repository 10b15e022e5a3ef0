"""The data set of a de-identified file, element by element, from the header of another."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.valuerep import format_number_as_ds

from sslapp.imaging.dicom.deidentification import vocabulary
from sslapp.imaging.dicom.deidentification.pseudonyms import Pseudonyms
from sslapp.imaging.dicom.header import DicomHeader, FrameFacts, LookupTable, Vector, ViewWindow
from sslapp.imaging.dicom.opening import DicomFile
from sslapp.imaging.dicom.reading.contents import Contents

OLDEST = 90
"""Years; whoever is older is as old."""

CODES = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113105", "Clean Descriptors Option"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ("113108", "Retain Patient Characteristics Option"),
)
"""What was done, in the codes of PS3.16, context group 7050."""

_EMPTY = (
    *("PatientName", "PatientBirthDate", "ReferringPhysicianName", "AccessionNumber", "StudyID"),
    *("StudyTime", "Manufacturer"),
)
"""Elements that a file must have and that may be empty."""


def describe(file: DicomFile, pseudonyms: Pseudonyms) -> Dataset:
    """Everything of a de-identified file but its pixels."""
    data_set = describe_shortly(file, pseudonyms)
    header, found = file.header, file.found
    _values(data_set, header)
    _place(data_set, header, found)
    _say_so(data_set)
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate"):
        moved = pseudonyms.day(found.text(keyword), header)
        if moved or keyword == "StudyDate":
            setattr(data_set, keyword, moved)
    return data_set


def describe_shortly(file: DicomFile, pseudonyms: Pseudonyms) -> Dataset:
    """Of a de-identified file what tells it from others, whose it is, and what kind of picture."""
    data_set = Dataset()
    _identify(data_set, file, pseudonyms)
    _patient(data_set, file.header, pseudonyms)
    _picture(data_set, file.header)
    return data_set


def _identify(data_set: Dataset, file: DicomFile, pseudonyms: Pseudonyms) -> None:
    header = file.header
    sop_class = uid.UID(header.sop_class, validation_mode=0)  # a warning would show what it is
    known = sop_class.type == "SOP Class"
    data_set.SOPClassUID = sop_class if known else uid.SecondaryCaptureImageStorage
    own = file.own_uid
    study = header.study_uid or header.series_uid or own
    data_set.SOPInstanceUID = pseudonyms.uid(own)
    data_set.StudyInstanceUID = pseudonyms.uid(study)
    data_set.SeriesInstanceUID = pseudonyms.uid(header.series_uid or study)
    if header.reference_uid:
        data_set.FrameOfReferenceUID = pseudonyms.uid(header.reference_uid)
    for keyword, number in (
        ("SeriesNumber", header.series_number),
        ("InstanceNumber", header.instance_number),
    ):
        if number is not None and abs(number) < 1 << 31:
            setattr(data_set, keyword, number)


def _patient(data_set: Dataset, header: DicomHeader, pseudonyms: Pseudonyms) -> None:
    for keyword in _EMPTY:
        setattr(data_set, keyword, "")
    data_set.PatientID = pseudonyms.patient(header)
    data_set.PatientSex = vocabulary.known(header.sex, vocabulary.SEXES)
    if header.age_years is not None:
        data_set.PatientAge = _age(header.age_years)


def _age(years: float) -> str:
    if years >= 2:
        return f"{min(int(years), OLDEST):03}Y"
    return f"{round(years * 12):03}M"


def _picture(data_set: Dataset, header: DicomHeader) -> None:
    layout = header.format
    data_set.Modality = vocabulary.known(header.modality, vocabulary.MODALITIES, "OT")
    kinds = [each for each in header.image_type if each in vocabulary.IMAGE_TYPES]
    if kinds:
        data_set.ImageType = kinds
    _code(data_set, "BodyPartExamined", header.body_part, vocabulary.BODY_PARTS)
    _code(data_set, "ViewPosition", header.view, vocabulary.VIEWS)
    _code(data_set, "ImageLaterality", header.laterality, vocabulary.LATERALITIES)
    _code(data_set, "Units", header.units, vocabulary.UNITS)
    data_set.SamplesPerPixel = layout.samples
    data_set.PhotometricInterpretation = layout.photometric
    if layout.samples == 3:
        data_set.PlanarConfiguration = layout.planar
    data_set.Rows, data_set.Columns = layout.rows, layout.columns
    if layout.frames > 1:
        data_set.NumberOfFrames = layout.frames
    data_set.BitsAllocated = layout.allocated
    if layout.kind == "int":
        data_set.BitsStored, data_set.HighBit = layout.stored, layout.high_bit
        data_set.PixelRepresentation = int(layout.signed)
    data_set.LossyImageCompression = "01" if header.lossy else "00"
    _yes_or_no(data_set, "BurnedInAnnotation", header.burned_in)
    _yes_or_no(data_set, "RecognizableVisualFeatures", header.face)


def _code(data_set: Dataset, keyword: str, text: str, words: frozenset[str]) -> None:
    if vocabulary.known(text, words):
        setattr(data_set, keyword, text)


def _yes_or_no(data_set: Dataset, keyword: str, said: bool | None) -> None:
    if said is not None:
        setattr(data_set, keyword, "YES" if said else "NO")


def _values(data_set: Dataset, header: DicomHeader) -> None:
    """How values are meant and seen."""
    signed = header.format.signed
    if header.padding is not None:
        for keyword, value in zip(
            ("PixelPaddingValue", "PixelPaddingRangeLimit"), header.padding, strict=True
        ):
            data_set.add_new(keyword, "SS" if signed else "US", value)
    if header.modality_table is not None:
        item = _table(header.modality_table, signed=signed)
        item.ModalityLUTType = "US"
        data_set.ModalityLUTSequence = Items([item])
    if header.voi_tables:
        tables = [_table(each, signed=False) for each in header.voi_tables]
        data_set.VOILUTSequence = Items(tables)
    if header.inverse:
        data_set.PresentationLUTShape = "INVERSE"
    if header.palette is not None:
        _palette(data_set, *header.palette)
    if header.suv is not None:
        data_set.RealWorldValueMappingSequence = Items([_suv(header)])


def _table(table: LookupTable, *, signed: bool) -> Dataset:
    item = Dataset()
    _descriptor(item, "LUTDescriptor", len(table.entries), table.first, table.bits, signed=signed)
    item.add_new("LUTData", "OW", table.entries.astype("<u2").tobytes())
    name = vocabulary.window_name(table.explanation)
    if name:
        item.LUTExplanation = name
    return item


def _descriptor(
    item: Dataset, keyword: str, count: int, first: int, bits: int, *, signed: bool
) -> None:
    # of signed values the second number is signed, and the others fit either
    count = count if count < 1 << 16 else 0
    if signed:
        count = count - (1 << 16) if count >= 1 << 15 else count
    item.add_new(keyword, "SS" if signed else "US", [count, first, bits])


def _palette(data_set: Dataset, colours: Any, first: int) -> None:
    for at, colour in enumerate(("Red", "Green", "Blue")):
        name = f"{colour}PaletteColorLookupTable"
        _descriptor(data_set, f"{name}Descriptor", len(colours), first, 8, signed=False)
        words = np.ascontiguousarray(colours[:, at]).tobytes()
        data_set.add_new(f"{name}Data", "OW", words + b"\0" * (len(words) % 2))


def _suv(header: DicomHeader) -> Dataset:
    """The factor of SUV, so that neither weight, dose nor times need stay."""
    assert header.suv is not None
    item, code = Dataset(), Dataset()
    item.RealWorldValueSlope = header.suv * (header.facts.slope or 1.0)
    item.RealWorldValueIntercept = 0.0
    item.LUTLabel = "SUVbw"
    code.CodeValue, code.CodingSchemeDesignator = "g/ml{SUVbw}", "UCUM"
    code.CodeMeaning = "Standardized Uptake Value body weight"
    item.MeasurementUnitsCodeSequence = Items([code])
    return item


def _place(data_set: Dataset, header: DicomHeader, found: Contents) -> None:
    """Where frames lie, and what holds for each."""
    if header.own:
        data_set.SharedFunctionalGroupsSequence = Items([_group(header.facts)])
        data_set.PerFrameFunctionalGroupsSequence = Items([_group(each) for each in header.own])
    else:
        _rescale(data_set, header.facts)
        _windows(data_set, header.facts.windows)
        _decimals(data_set, "ImagePositionPatient", header.facts.position)
        _decimals(data_set, "ImageOrientationPatient", header.facts.orientation)
        _decimals(data_set, "PixelSpacing", header.facts.spacing)
    for keyword in ("SliceThickness", "SpacingBetweenSlices", "SliceLocation"):
        _decimals(data_set, keyword, found.numbers.get(keyword, ())[:1])
    _decimals(data_set, "ImagerPixelSpacing", header.detector_spacing)
    if header.aspect is not None and all(each == int(each) for each in header.aspect):
        data_set.PixelAspectRatio = [int(each) for each in header.aspect]
    if header.regions:
        regions = found.items["SequenceOfUltrasoundRegions"]
        data_set.SequenceOfUltrasoundRegions = Items([_region(each) for each in regions])


def _group(facts: FrameFacts) -> Dataset:
    """The functional groups of a frame, or of all frames."""
    group = Dataset()
    for name, keyword, vector in (
        ("PlanePositionSequence", "ImagePositionPatient", facts.position),
        ("PlaneOrientationSequence", "ImageOrientationPatient", facts.orientation),
        ("PixelMeasuresSequence", "PixelSpacing", facts.spacing),
    ):
        item = Dataset()
        _decimals(item, keyword, vector)
        if len(item):
            setattr(group, name, Items([item]))
    item = Dataset()
    _rescale(item, facts)
    if len(item):
        group.PixelValueTransformationSequence = Items([item])
    if facts.windows:
        item = Dataset()
        _windows(item, facts.windows)
        group.FrameVOILUTSequence = Items([item])
    if vocabulary.known(facts.laterality, vocabulary.LATERALITIES):
        item = Dataset()
        item.FrameLaterality = facts.laterality
        group.FrameAnatomySequence = Items([item])
    return group


def _rescale(item: Dataset, facts: FrameFacts) -> None:
    if facts.slope is None or facts.intercept is None:
        return
    _decimals(item, "RescaleSlope", (facts.slope,))
    _decimals(item, "RescaleIntercept", (facts.intercept,))
    if vocabulary.known(facts.rescale_type, vocabulary.RESCALES):
        item.RescaleType = facts.rescale_type


def _windows(item: Dataset, windows: Sequence[ViewWindow]) -> None:
    if not windows:
        return
    _decimals(item, "WindowCenter", tuple(each.center for each in windows))
    _decimals(item, "WindowWidth", tuple(each.width for each in windows))
    names = [vocabulary.window_name(each.explanation) for each in windows]
    if any(names):
        item.WindowCenterWidthExplanation = names
    if windows[0].function != "LINEAR":
        item.VOILUTFunction = windows[0].function


_COUNTS = ("RegionSpatialFormat", "RegionDataType", "PhysicalUnitsXDirection")
_CORNERS = ("MinX0", "MinY0", "MaxX1", "MaxY1")


def _region(found: Contents) -> Dataset:
    item = Dataset()
    for keyword in (*_COUNTS, "PhysicalUnitsYDirection"):
        number = found.number(keyword)
        if number is not None and 0 <= number < 1 << 16:
            setattr(item, keyword, int(number))
    for corner in _CORNERS:
        number = found.number(f"RegionLocation{corner}") or 0
        setattr(item, f"RegionLocation{corner}", int(number))
    for keyword in ("PhysicalDeltaX", "PhysicalDeltaY"):
        number = found.number(keyword)
        if number is not None:
            setattr(item, keyword, number)
    return item


def _decimals(item: Dataset, keyword: str, numbers: Vector | None) -> None:
    """Numbers as text of at most 16 characters, as exactly as these can say it."""
    if numbers:
        setattr(item, keyword, [_decimal(each) for each in numbers])


def _decimal(number: float) -> str:
    text = repr(number).removesuffix(".0")
    return text if len(text) <= 16 else str(format_number_as_ds(number))


def _say_so(data_set: Dataset) -> None:
    """That and how it was de-identified (PS3.15, section E.1.1)."""
    data_set.PatientIdentityRemoved = "YES"
    data_set.LongitudinalTemporalInformationModified = "MODIFIED"
    data_set.DeidentificationMethod = "Written anew from a whitelist"
    items = []
    for value, meaning in CODES:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
        items.append(item)
    data_set.DeidentificationMethodCodeSequence = Items(items)
