"""What is read of a DICOM data set: what display, sorting and grouping need, and nothing else.

The names are the keywords of PS3.6. An element that is not here is walked over, whatever its name:
names of people, institutions and devices, comments, private elements, overlays and icons.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pydicom.datadict import dictionary_VR, tag_for_keyword


@dataclass(frozen=True)
class Wanted:
    """The elements that are read of a data set or of the items of a sequence.

    Attributes:
        values: tag -> keyword and value representation.
        sequences: tag -> keyword and what is read of its items.
    """

    values: Mapping[int, tuple[str, str]]
    sequences: Mapping[int, tuple[str, "Wanted"]] = field(default_factory=dict)


def _wanted(*keywords: str, **sequences: Wanted) -> Wanted:
    return Wanted(
        MappingProxyType({_tag(each): (each, dictionary_VR(_tag(each))) for each in keywords}),
        MappingProxyType({_tag(name): (name, inner) for name, inner in sequences.items()}),
    )


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return tag


_WINDOWS = ("WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction")
_TABLE = ("LUTDescriptor", "LUTData", "LUTExplanation", "ModalityLUTType")
_RESCALE = ("RescaleIntercept", "RescaleSlope", "RescaleType")
_SPACING = ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices")
_CODE = _wanted("CodeValue", "CodingSchemeDesignator")

REAL_WORLD = _wanted(
    "RealWorldValueIntercept",
    "RealWorldValueSlope",
    MeasurementUnitsCodeSequence=_CODE,
)
"""Mapping to real world values (PS3.3, section C.7.6.16.2.11): of PET, the factor of SUV."""

FRAME = _wanted(
    PixelMeasuresSequence=_wanted(*_SPACING),
    PlanePositionSequence=_wanted("ImagePositionPatient"),
    PlaneOrientationSequence=_wanted("ImageOrientationPatient"),
    PixelValueTransformationSequence=_wanted(*_RESCALE),
    FrameVOILUTSequence=_wanted(*_WINDOWS),
    FrameAnatomySequence=_wanted("FrameLaterality"),
    RealWorldValueMappingSequence=REAL_WORLD,
)
"""Functional groups of a frame (PS3.3, section C.7.6.16.2)."""

REGION = _wanted(
    "RegionLocationMinX0",
    "RegionLocationMinY0",
    "RegionLocationMaxX1",
    "RegionLocationMaxY1",
    "RegionSpatialFormat",
    "RegionDataType",
    "PhysicalUnitsXDirection",
    "PhysicalUnitsYDirection",
    "PhysicalDeltaX",
    "PhysicalDeltaY",
)
"""An ultrasound region (PS3.3, section C.8.5.5)."""

RADIONUCLIDE = _wanted(
    "RadionuclideTotalDose",
    "RadionuclideHalfLife",
    "RadiopharmaceuticalStartTime",
    "RadiopharmaceuticalStartDateTime",
)
"""What SUV needs to know of the tracer (PS3.3, section C.8.9.2)."""

_PALETTE = tuple(
    f"{which}{colour}PaletteColorLookupTable{what}"
    for colour in ("Red", "Green", "Blue")
    for which, what in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
)

DATA_SET = _wanted(
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"),
    *("FrameOfReferenceUID", "PatientID", "IssuerOfPatientID", "InstanceNumber", "SeriesNumber"),
    *("Modality", "ImageType", "BodyPartExamined", "ViewPosition", "Laterality", "ImageLaterality"),
    *("PatientAge", "PatientBirthDate", "PatientSex", "Manufacturer", "ManufacturerModelName"),
    "InstitutionName",
    *("StudyDate", "SeriesDate", "AcquisitionDate", "SeriesTime"),
    *("PatientWeight", "Units", "DecayCorrection", "BurnedInAnnotation", "LossyImageCompression"),
    "RecognizableVisualFeatures",
    *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation"),
    *("PlanarConfiguration", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "PresentationLUTShape", "PixelAspectRatio"),
    *("ImagerPixelSpacing", "NominalScannedPixelSpacing"),
    *("ImagePositionPatient", "ImageOrientationPatient", "SliceLocation"),
    *("ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
    *(*_SPACING, *_RESCALE, *_WINDOWS, *_PALETTE),
    ModalityLUTSequence=_wanted(*_TABLE),
    VOILUTSequence=_wanted(*_TABLE),
    SequenceOfUltrasoundRegions=REGION,
    RadiopharmaceuticalInformationSequence=RADIONUCLIDE,
    RealWorldValueMappingSequence=REAL_WORLD,
    SharedFunctionalGroupsSequence=FRAME,
    PerFrameFunctionalGroupsSequence=FRAME,
)
