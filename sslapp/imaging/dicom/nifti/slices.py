"""NIfTI volumes as DICOM: one file of many frames, turned as a reader of pictures expects."""

import hashlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray
from pydicom import dcmwrite, uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.valuerep import format_number_as_ds

from sslapp.imaging.dicom.nifti.cutting import Stack, check_frames, cut, directions
from sslapp.imaging.dicom.nifti.greys import MeantValues, grey_pixels
from sslapp.imaging.dicom.nifti.volume import read_volume
from sslapp.imaging.refused import MAX_BYTES, READERS_RAISE, RefusedFile

_SKEW = 1e-3


@dataclass(frozen=True, eq=False)
class NiftiSlices:
    """A volume as a DICOM file.

    Attributes:
        dicom: the file, one frame a slice.
        notes: what was guessed or mended, each a sentence without its full stop.
    """

    dicom: bytes
    notes: tuple[str, ...]


def nifti_slices(content: bytes, name: str) -> NiftiSlices:
    """Cut a volume into the frames of a DICOM file, which is not de-identified yet.

    Slices are cut across an axis of a single voxel, where there is one. Else they are cut across
    the axis of the largest spacing, which are the slices of the acquisition; where the spacing of
    the axis that lies closest to foot-head is nearly as large, as in isotropic volumes, across
    that. Frames show the patient's right at the left and anterior up (axial), superior up (coronal,
    and sagittal with anterior at the left), by sform, else qform, else pixdim alone.

    Raises:
        RefusedFile: when it is damaged, cut off, absurd, or of a kind that is not read.
    """
    if len(content) > MAX_BYTES:
        raise RefusedFile(
            f"{name}: {len(content):,} bytes are more than the {MAX_BYTES:,} allowed."
        )
    try:
        with np.errstate(all="ignore"):
            return _sliced(content, name)
    except RefusedFile:
        raise
    except (*READERS_RAISE, HeaderDataError, np.linalg.LinAlgError) as error:
        raise RefusedFile(f"{name}: the NIfTI file is damaged.") from error


def _sliced(content: bytes, name: str) -> NiftiSlices:
    notes: list[str] = []
    header, values, affine = read_volume(content, name, notes)
    stack = cut(values, affine)
    check_frames(stack.values.shape, name)
    if abs(directions(stack)[0] @ directions(stack)[1]) > _SKEW:
        notes.append("its axes are not at right angles, and its slices are shown as if they were")
    if stack.values.ndim == 4:
        if stack.values.shape[3] > 3:
            notes.append("how opaque its colours are was left out")
        pixels = MeantValues(np.ascontiguousarray(stack.values[..., :3]), None, None)
    else:
        pixels = grey_pixels(stack.values, header, name, notes)
    made = _data_set(pixels, stack, content)
    dicom = _written(made)
    if len(dicom) > MAX_BYTES:
        raise RefusedFile(
            f"{name}: dim says a volume of more than the {MAX_BYTES:,} bytes allowed."
        )
    return NiftiSlices(dicom, tuple(notes))


def _data_set(pixels: MeantValues, stack: Stack, content: bytes) -> Dataset:
    made = Dataset()
    values = pixels.values
    colour, floats = values.ndim == 4, values.dtype.kind == "f"
    made.SOPClassUID = _sop_class(values)
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(made, keyword, _uid(content, keyword))
    made.FrameOfReferenceUID = _uid(content, "FrameOfReferenceUID")
    made.PatientID = made.PatientName = ""
    made.Modality, made.ImageType = "OT", ["DERIVED", "SECONDARY"]
    if not colour:
        made.BurnedInAnnotation = "NO"  # voxels of a scanner, and no copy of a screen
    if not colour:
        made.BurnedInAnnotation = "NO"  # voxels of a scanner, and no copy of a screen
    made.InstanceNumber = 1
    made.NumberOfFrames, made.Rows, made.Columns = values.shape[:3]
    made.SamplesPerPixel = 3 if colour else 1
    made.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        made.PlanarConfiguration = 0
    made.BitsAllocated = bits = values.dtype.itemsize * 8
    data = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    if floats:
        made.FloatPixelData = data
    else:
        made.BitsStored, made.HighBit = bits, bits - 1
        made.PixelRepresentation = int(values.dtype.kind == "i")
        made.add_new("PixelData", "OB" if bits == 8 else "OW", data + b"\0" * (len(data) % 2))
    made.SharedFunctionalGroupsSequence = Items([_shared(pixels, stack)])
    made.PerFrameFunctionalGroupsSequence = Items(
        [_own(stack, at) for at in range(values.shape[0])]
    )
    return made


def _sop_class(values: NDArray[Any]) -> uid.UID:
    if values.ndim == 4:
        return uid.MultiFrameTrueColorSecondaryCaptureImageStorage
    if values.dtype.itemsize == 1:
        return uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage
    return uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage


def _uid(content: bytes, role: str) -> str:
    """Of the content alone, so that the same file is the same picture (PS3.5, section B.2)."""
    digest = hashlib.sha256(role.encode("ascii") + hashlib.sha256(content).digest()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def _shared(pixels: MeantValues, stack: Stack) -> Dataset:
    """What holds for all frames."""
    group = Dataset()
    sides = np.linalg.norm(stack.steps, axis=1)
    measures = Dataset()
    measures.PixelSpacing = _decimals(sides[1], sides[2])
    measures.SliceThickness = measures.SpacingBetweenSlices = _decimals(sides[0])[0]
    group.PixelMeasuresSequence = Items([measures])
    if pixels.rescale is not None:
        meant = Dataset()
        meant.RescaleSlope, meant.RescaleIntercept = _decimals(*pixels.rescale)
        meant.RescaleType = "US"
        group.PixelValueTransformationSequence = Items([meant])
    if pixels.window is not None:
        low, high = pixels.window
        seen = Dataset()
        seen.WindowCenter, seen.WindowWidth = _decimals((low + high) / 2, high - low)
        seen.VOILUTFunction = "LINEAR_EXACT"
        group.FrameVOILUTSequence = Items([seen])
    return group


def _own(stack: Stack, at: int) -> Dataset:
    """Where a frame lies."""
    group, place, plane = Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = _decimals(*(stack.origin + at * stack.steps[0]))
    plane.ImageOrientationPatient = _decimals(*directions(stack).reshape(-1))
    group.PlanePositionSequence = Items([place])
    group.PlaneOrientationSequence = Items([plane])
    return group


def _decimals(*numbers: float) -> list[str]:
    return [format_number_as_ds(float(each) + 0.0) for each in numbers]  # no -0


def _written(made: Dataset) -> bytes:
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    target = io.BytesIO()
    dcmwrite(target, made, enforce_file_format=True)
    return target.getvalue()
