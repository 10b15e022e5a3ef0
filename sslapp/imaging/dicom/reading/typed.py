"""The typed header of what was read of a file."""

import math
from datetime import date, datetime

import numpy as np

from sslapp.imaging.dicom.encoding.elements import UnreadDicom
from sslapp.imaging.dicom.header import (
    DicomHeader,
    FrameFacts,
    LookupTable,
    PixelFormat,
    UltrasoundRegion,
    Vector,
    ViewWindow,
)
from sslapp.imaging.dicom.reading.contents import Contents
from sslapp.imaging.dicom.reading.tables import lookup_table, palette

MOST_FRAMES = 10_000

_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_KINDS = {0x7FE00008: "float32", 0x7FE00009: "float64", 0x7FE00010: "int"}
_WIDE = {"float32": 32, "float64": 64}
_CENTIMETRES = 3  # of PhysicalUnitsXDirection
_YEAR = 365.2425
_REAL_WORLD = "RealWorldValueMappingSequence"
_AGES = {"D": 1 / _YEAR, "W": 7 / _YEAR, "M": 1 / 12, "Y": 1.0}


def header_of(found: Contents, syntax: str, notes: tuple[str, ...]) -> DicomHeader:
    """The header of a data set that has pixels.

    Raises:
        UnreadDicom: naming the element that is missing or absurd.
    """
    layout = _format(found)
    signed = layout.signed
    voi = (lookup_table(each, signed=False) for each in found.items.get("VOILUTSequence", []))
    shared = found.first("SharedFunctionalGroupsSequence")
    groups = found.items.get("PerFrameFunctionalGroupsSequence", [])[: layout.frames]
    return DicomHeader(
        syntax=syntax,
        notes=notes,
        sop_class=found.text("SOPClassUID"),
        instance_uid=found.text("SOPInstanceUID"),
        study_uid=found.text("StudyInstanceUID"),
        series_uid=found.text("SeriesInstanceUID"),
        reference_uid=found.text("FrameOfReferenceUID"),
        patient_id=found.text("PatientID"),
        modality=found.text("Modality"),
        image_type=found.texts.get("ImageType", ()),
        body_part=found.text("BodyPartExamined"),
        view=found.text("ViewPosition"),
        laterality=found.text("ImageLaterality") or found.text("Laterality"),
        age_years=_age(found),
        sex=found.text("PatientSex"),
        manufacturer=found.text("Manufacturer"),
        scanner=found.text("ManufacturerModelName"),
        institution=found.text("InstitutionName"),
        study_date=found.text("StudyDate"),
        series_number=_whole(found, "SeriesNumber"),
        instance_number=_whole(found, "InstanceNumber"),
        format=layout,
        padding=_padding(found, signed=signed),
        modality_table=_modality_table(found, signed=signed),
        voi_tables=tuple(each for each in voi if each is not None),
        palette=palette(found, signed=False) if layout.photometric == "PALETTE COLOR" else None,
        facts=_grouped(shared).or_else(_facts(found)),  # functional groups first
        own=tuple(_grouped(each) for each in groups),
        inverse=found.text("PresentationLUTShape") == "INVERSE",
        detector_spacing=_lengths(found, "ImagerPixelSpacing")
        or _lengths(found, "NominalScannedPixelSpacing"),
        aspect=_lengths(found, "PixelAspectRatio"),
        burned_in=_yes(found, "BurnedInAnnotation"),
        face=_yes(found, "RecognizableVisualFeatures"),
        regions=tuple(map(_region, found.items.get("SequenceOfUltrasoundRegions", []))),
        overlays=len(found.overlays),
        hidden_overlays=sum(not apart for apart in found.overlays.values()),
        lossy=found.text("LossyImageCompression") in ("01", "YES"),
        suv=_suv(found),
        units=found.text("Units"),
        offsets=_offsets(found),
    )


def _format(found: Contents) -> PixelFormat:
    assert found.pixels is not None
    kind = _KINDS[found.pixels.tag]
    samples = _count(found, "SamplesPerPixel", 1)
    allocated = _count(found, "BitsAllocated", _WIDE.get(kind))
    stored = _count(found, "BitsStored", allocated)
    photometric = found.text("PhotometricInterpretation").upper()
    return PixelFormat(
        rows=_count(found, "Rows"),
        columns=_count(found, "Columns"),
        frames=_frames(found),
        samples=samples,
        photometric=photometric or ("RGB" if samples == 3 else "MONOCHROME2"),
        planar=int(found.number("PlanarConfiguration") or 0),
        allocated=allocated,
        stored=stored,
        high_bit=int(found.number("HighBit") or stored - 1),
        signed=bool(found.number("PixelRepresentation")),
        kind=kind,
    )


def _count(found: Contents, keyword: str, otherwise: int | None = None) -> int:
    number = found.number(keyword)
    if number is None:
        if otherwise is None:
            raise UnreadDicom(f"{keyword} is missing")
        return otherwise
    if not 1 <= number <= 65_535:
        raise UnreadDicom(f"{keyword} is {number:g}")
    return int(number)


def _frames(found: Contents) -> int:
    frames = found.number("NumberOfFrames")
    if frames is None or frames == 0:
        return 1
    if not 1 <= frames <= MOST_FRAMES:
        raise UnreadDicom(f"NumberOfFrames is {int(frames):,}, and {MOST_FRAMES:,} are the most")
    return int(frames)


def _facts(found: Contents) -> FrameFacts:
    """What a data set, or the item of a functional group, says in its own elements."""
    slope, intercept = found.number("RescaleSlope"), found.number("RescaleIntercept")
    rescaled = slope is not None or intercept is not None
    return FrameFacts(
        # a slope of 0 would make every image grey; files that have one mean none
        slope=(slope or 1.0) if rescaled else None,
        intercept=(intercept or 0.0) if rescaled else None,
        rescale_type=found.text("RescaleType"),
        windows=_windows(found),
        position=found.vector("ImagePositionPatient", 3),
        orientation=found.vector("ImageOrientationPatient", 6),
        spacing=_lengths(found, "PixelSpacing"),
        laterality=found.text("FrameLaterality"),
    )


def _grouped(group: Contents) -> FrameFacts:
    """What the functional groups of a frame, or of all frames, say (PS3.3, C.7.6.16.2)."""
    transformed = _facts(group.first("PixelValueTransformationSequence"))
    return FrameFacts(
        transformed.slope,
        transformed.intercept,
        transformed.rescale_type,
        tuple(
            each for item in group.items.get("FrameVOILUTSequence", []) for each in _windows(item)
        ),
        _facts(group.first("PlanePositionSequence")).position,
        _facts(group.first("PlaneOrientationSequence")).orientation,
        _facts(group.first("PixelMeasuresSequence")).spacing,
        _facts(group.first("FrameAnatomySequence")).laterality,
    )


def _windows(found: Contents) -> tuple[ViewWindow, ...]:
    """The usable ones: LINEAR needs a width of 1 at least, the others one above 0."""
    said = found.text("VOILUTFunction")
    function = said if said in _FUNCTIONS else "LINEAR"
    names = found.texts.get("WindowCenterWidthExplanation", ())
    pairs = zip(
        found.numbers.get("WindowCenter", ()), found.numbers.get("WindowWidth", ()), strict=False
    )
    return tuple(
        ViewWindow(center, width, function, names[at] if at < len(names) else "")
        for at, (center, width) in enumerate(pairs)
        if width >= 1 or (width > 0 and function != "LINEAR")
    )


def _modality_table(found: Contents, *, signed: bool) -> LookupTable | None:
    items = found.items.get("ModalityLUTSequence", [])
    return lookup_table(items[0], signed=signed) if items else None


def _padding(found: Contents, *, signed: bool) -> tuple[int, int] | None:
    ends = [found.words(each) for each in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    kind = np.int16 if signed else np.uint16
    values = [int(each.view(kind)[0]) for each in ends if len(each)]
    return (min(values), max(values)) if len(ends[0]) else None


def _lengths(found: Contents, keyword: str) -> Vector | None:
    """Two lengths above 0."""
    pair = found.vector(keyword, 2)
    return pair if pair is not None and min(pair) > 0 else None


def _region(item: Contents) -> UltrasoundRegion:
    corners = ("MinX0", "MinY0", "MaxX1", "MaxY1")
    left, top, right, bottom = (int(item.number(f"RegionLocation{each}") or 0) for each in corners)
    across, down = item.number("PhysicalDeltaX"), item.number("PhysicalDeltaY")
    in_space = all(
        item.number(f"PhysicalUnits{each}Direction") == _CENTIMETRES for each in ("X", "Y")
    )
    spacing = (abs(down) * 10, abs(across) * 10) if in_space and across and down else None
    return UltrasoundRegion(
        left, top, right, bottom, spacing, int(item.number("RegionDataType") or 0)
    )


def _offsets(found: Contents) -> tuple[bytes, bytes] | None:
    table, lengths = (found.raw.get(f"ExtendedOffsetTable{each}") for each in ("", "Lengths"))
    return (table, lengths) if table and lengths else None


def _yes(found: Contents, keyword: str) -> bool | None:
    return {"YES": True, "NO": False}.get(found.text(keyword))


def _whole(found: Contents, keyword: str) -> int | None:
    number = found.number(keyword)
    return None if number is None else int(number)


def _age(found: Contents) -> float | None:
    age = found.text("PatientAge")
    if len(age) == 4 and age[:3].isdecimal() and age[3] in _AGES:
        return int(age[:3]) * _AGES[age[3]]
    born, seen = day_of(found.text("PatientBirthDate")), day_of(found.text("StudyDate"))
    if born is None or seen is None or born > seen:
        return None
    return (seen - born).days / _YEAR


def day_of(text: str) -> date | None:
    """The day of a DA value, None for what is none."""
    digits = text.replace(".", "")  # as written before 1993
    try:
        return datetime.strptime(digits, "%Y%m%d").date() if len(digits) == 8 else None
    except ValueError:
        return None


def _suv(found: Contents) -> float | None:
    """SUV by body weight, in g/ml per unit: weight over the dose that is left at the scan's start.

    As in QIBA's vendor-neutral pseudocode, for files decayed to the start of the series (START)
    or to the injection (ADMIN), in Bq/ml; a mapping to real world values that gives it comes first.
    """
    mapped = _mapped_suv(found)
    if mapped is not None:
        return mapped
    tracer = found.first("RadiopharmaceuticalInformationSequence")
    grams = 1000 * (found.number("PatientWeight") or 0)
    dose, half_life = tracer.number("RadionuclideTotalDose"), tracer.number("RadionuclideHalfLife")
    if found.text("Units") != "BQML" or grams <= 0 or not dose or not half_life or half_life < 0:
        return None
    if found.text("DecayCorrection") == "ADMIN":
        return grams / dose
    waited = _seconds_since_injection(found, tracer)
    if found.text("DecayCorrection") != "START" or waited is None:
        return None
    return grams / (dose * math.exp(-math.log(2) * waited / half_life))


def _mapped_suv(found: Contents) -> float | None:
    groups = (found, found.first("SharedFunctionalGroupsSequence"))
    for item in (each for group in groups for each in group.items.get(_REAL_WORLD, [])):
        code = item.first("MeasurementUnitsCodeSequence").text("CodeValue")
        slope, rescale = item.number("RealWorldValueSlope"), found.number("RescaleSlope") or 1.0
        if code in ("g/ml{SUVbw}", "{SUVbw}g/ml") and slope:
            return slope / rescale
    return None


def _seconds_since_injection(found: Contents, tracer: Contents) -> float | None:
    """From the injection to the time that counts were decayed to, less than a day."""
    begun = _seconds(found.text("SeriesTime"))
    exact = tracer.text("RadiopharmaceuticalStartDateTime")
    injected = _seconds(exact[8:14] or tracer.text("RadiopharmaceuticalStartTime"))
    if begun is None or injected is None:
        return None
    return (begun - injected) % 86_400


def _seconds(text: str) -> float | None:
    """Of a TM value: seconds from midnight."""
    digits = text.replace(":", "").partition(".")[0]
    if len(digits) not in (4, 6) or not digits.isdecimal():
        return None
    digits = digits.ljust(6, "0")
    return int(digits[:2]) * 3600.0 + int(digits[2:4]) * 60 + int(digits[4:])
