"""NIfTI volumes as DICOM: one file of many frames, cut and turned as a reader of pictures expects.

NIfTI-1 and NIfTI-2 in a single file (nifti1.h, nifti2.h), plain or in gzip. Only sizes, values and
place are read: free texts (descrip, aux_file, intent_name, db_name) and extensions never are.
"""

import hashlib
import io
import math
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.orientations import io_orientation
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray
from pydicom import dcmwrite, uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.valuerep import format_number_as_ds

from sslapp.imaging.dicom.reading.typed import MOST_FRAMES
from sslapp.imaging.intensities import HIGHEST, LOWEST
from sslapp.imaging.refused import MAX_BYTES, MAX_PIXELS, READERS_RAISE, RefusedFile

NEARLY_EQUAL = 1.2
"""Ratio of two spacings up to which either axis may be the one of the slices."""

_GZIP = b"\x1f\x8b"
_BLOCK, _MOST_MEMBERS = 1 << 16, 1 << 14
_SIZES = {348: (344, b"n+1\0"), 540: (4, b"n+2\0")}
_LONGEST_HEADER = max(_SIZES)
_MOST_SAMPLED = 1 << 20
_MOST_SIDE = 65_535
_COLOURS = {128: 3, 2304: 4}
_KINDS = {
    **{2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"},
    **{1024: "i8", 1280: "u8", 128: "u1", 2304: "u1"},
}
_UNREAD = {1: "bits", 32: "complex numbers", 1536: "floats of 128 bits", 1792: "complex numbers"}
_UNREAD |= {2048: "complex numbers"}
_MILLIMETRES = {1: 1000.0, 3: 0.001}  # of a metre and a micrometre in xyzt_units
_SKEW = 1e-3
_LARGEST = float(np.finfo(np.float32).max)
_TO_LPS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True, eq=False)
class NiftiSlices:
    """A volume as a DICOM file.

    Attributes:
        dicom: the file, one frame a slice.
        notes: what was guessed or mended, each a sentence without its full stop.
    """

    dicom: bytes
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Stack:
    """Values cut and turned: (F, H, W) or (F, H, W, 3), and where they lie in LPS.

    Attributes:
        origin: (3,) mm, of the middle of the first pixel of the first frame.
        steps: (3, 3) mm; rows are the steps to the next frame, the next row, the next column.
    """

    values: NDArray[Any]
    origin: NDArray[np.float64]
    steps: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Pixels:
    """Values as they are stored, and how they are meant and seen; None where nothing is said."""

    values: NDArray[Any]
    rescale: tuple[float, float] | None
    window: tuple[float, float] | None


def is_nifti(content: bytes) -> bool:
    """Whether a file is a NIfTI file, by its content; of gzip only the header is inflated."""
    try:
        return _byte_order(_inflated(content, _LONGEST_HEADER)) is not None
    except zlib.error:
        return False


def nifti_as_dicom(content: bytes, name: str) -> bytes:
    """A NIfTI volume as a multi-frame DICOM file; see `nifti_slices`.

    Raises:
        RefusedFile: as `nifti_slices`.
    """
    return nifti_slices(content, name).dicom


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
    header = _header(_inflated(content, _LONGEST_HEADER), name)
    shape, kind = _shape(header, name), _kind(header, name)
    notes: list[str] = []
    affine = _affine(header, notes)
    stack = _cut(_values(content, header, shape, kind, name), affine)
    _check_frames(stack.values.shape, name)
    if abs(_directions(stack)[0] @ _directions(stack)[1]) > _SKEW:
        notes.append("its axes are not at right angles, and its slices are shown as if they were")
    if stack.values.ndim == 4:
        if stack.values.shape[3] > 3:
            notes.append("how opaque its colours are was left out")
        pixels = _Pixels(np.ascontiguousarray(stack.values[..., :3]), None, None)
    else:
        pixels = _greys(stack.values, header, name, notes)
    made = _data_set(pixels, stack, content)
    dicom = _written(made)
    if len(dicom) > MAX_BYTES:
        raise RefusedFile(
            f"{name}: dim says a volume of more than the {MAX_BYTES:,} bytes allowed."
        )
    return NiftiSlices(dicom, tuple(notes))


def _inflated(content: bytes, length: int) -> bytes:
    """The first bytes of a file, inflated where it is gzip; fewer where it is cut off."""
    if not content.startswith(_GZIP):
        return content[:length]
    found, at = bytearray(), 0
    for _ in range(_MOST_MEMBERS):  # gzip may have several, as bgzip writes it
        if not content.startswith(_GZIP, at) or len(found) >= length:
            break
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        while not unpacker.eof and at < len(content) and len(found) < length:
            part = content[at : at + _BLOCK]
            found += unpacker.decompress(part, length - len(found))
            at += len(part) - len(unpacker.unused_data)
    return bytes(found)


def _byte_order(head: bytes) -> str | None:
    """< or >, None where a file is no NIfTI."""
    for order in "<>":
        size = struct.unpack_from(f"{order}i", head)[0] if len(head) >= 4 else 0
        if size in _SIZES and len(head) >= size:
            at, mark = _SIZES[size]
            if head[at : at + len(mark)] == mark:
                return order
    return None


def _header(head: bytes, name: str) -> Nifti1Header:
    order = _byte_order(head)
    if order is None:
        raise RefusedFile(f"{name}: no NIfTI file, or its header (magic, sizeof_hdr) is damaged.")
    (size,) = struct.unpack_from(f"{order}i", head)
    kind = Nifti1Header if size == 348 else Nifti2Header
    return kind(head[:size], order, check=False)


def _shape(header: Nifti1Header, name: str) -> tuple[int, int, int]:
    """Voxels along the three axes."""
    dim = [int(each) for each in header["dim"]]
    if not 2 <= dim[0] <= 7:
        raise RefusedFile(f"{name}: dim[0] says {dim[0]} dimensions; 2 or 3 are read.")
    for at in range(1, dim[0] + 1):
        if dim[at] < 1:
            raise RefusedFile(f"{name}: dim[{at}] is {dim[at]}, and no voxel is in it.")
    if dim[0] >= 4 and dim[4] > 1:
        raise RefusedFile(
            f"{name}: it holds {dim[4]:,} volumes over time (dim[4]); save one volume as a file."
        )
    for at in range(5, dim[0] + 1):
        if dim[at] > 1:
            raise RefusedFile(
                f"{name}: it holds {dim[at]:,} values a voxel (dim[{at}]); "
                "save one of them as a file."
            )
    return dim[1], dim[2], dim[3] if dim[0] > 2 else 1


def _kind(header: Nifti1Header, name: str) -> np.dtype[Any]:
    code = int(header["datatype"])
    if code not in _KINDS:
        what = _UNREAD.get(code, "unknown")
        raise RefusedFile(
            f"{name}: datatype is {code} ({what}), which is not read; "
            "save it as whole numbers or floats."
        )
    return np.dtype(_KINDS[code]).newbyteorder(header.endianness)


def _values(
    content: bytes,
    header: Nifti1Header,
    shape: tuple[int, int, int],
    kind: np.dtype[Any],
    name: str,
) -> NDArray[Any]:
    """(X, Y, Z) or (X, Y, Z, colours) values in the order of the file's axes."""
    samples = _COLOURS.get(int(header["datatype"]), 1)
    length = math.prod(shape) * samples * kind.itemsize
    if length > MAX_BYTES:
        raise RefusedFile(
            f"{name}: dim says {shape[0]:,} x {shape[1]:,} x {shape[2]:,} voxels, "
            f"which take more than the {MAX_BYTES:,} bytes allowed."
        )
    start = _start(header, name)
    data = _inflated(content, start + length)[start:]
    if len(data) < length:
        raise RefusedFile(
            f"{name}: it is cut off: dim and datatype ask for {length:,} bytes of voxels, "
            f"and {len(data):,} are there."
        )
    numbers = np.frombuffer(data, kind)
    if samples > 1:
        return np.moveaxis(numbers.reshape((samples, *shape), order="F"), 0, -1)
    return numbers.reshape(shape, order="F")


def _start(header: Nifti1Header, name: str) -> int:
    said = float(header["vox_offset"])
    if not 0 <= said <= MAX_BYTES:
        raise RefusedFile(f"{name}: vox_offset is {said:g}, where no voxels can be.")
    return max(int(said), int(header["sizeof_hdr"]) + 4)


def _affine(header: Nifti1Header, notes: list[str]) -> NDArray[np.float64]:
    """(4, 4) from voxels to mm in RAS: the first of sform, qform and pixdim that is usable."""
    scale = _MILLIMETRES.get(int(header["xyzt_units"]) & 7, 1.0)
    for name in ("sform", "qform"):
        if int(header[f"{name}_code"]) > 0:
            found = _said_affine(header, name)
            if found is not None:
                found[:3] *= scale
                return found
            notes.append(f"its {name} is no orientation and was not used")
    notes.append("it says no orientation: its axes are taken for left, anterior and superior")
    sides = np.abs(np.asarray(header["pixdim"][1:4], np.float64))
    sides[~np.isfinite(sides) | (sides < 1e-6) | (sides > 1e6)] = 1.0
    # towards the left, as FSL, SPM and nibabel take it
    return np.diag([-sides[0], sides[1], sides[2], 1.0]) * [[scale], [scale], [scale], [1.0]]


def _said_affine(header: Nifti1Header, name: str) -> NDArray[np.float64] | None:
    try:
        said = header.get_sform() if name == "sform" else header.get_qform()
    except (HeaderDataError, ValueError, np.linalg.LinAlgError):
        return None
    found = np.array(said, np.float64)
    if not np.isfinite(found).all() or np.abs(found).max() > 1e6:
        return None
    lengths = np.linalg.norm(found[:3, :3], axis=0)
    if lengths.min() < 1e-6 or abs(np.linalg.det(found[:3, :3] / lengths)) < 1e-3:
        return None
    return found


def _cut(values: NDArray[Any], affine: NDArray[np.float64]) -> _Stack:
    """Put the axes of a volume in the order of frames, rows and columns, and turn them."""
    axes = io_orientation(affine)  # of each voxel axis: which of R, A, S it follows, and whether
    world, signs = axes[:, 0].astype(int), axes[:, 1]  # towards it (1) or away from it (-1)
    across = _slice_axis(values.shape[:3], np.linalg.norm(affine[:3, :3], axis=0), world)
    by_world = {int(each): at for at, each in enumerate(world)}
    right, front, head = by_world[0], by_world[1], by_world[2]
    rows, columns = {0: (head, front), 1: (head, right), 2: (front, right)}[int(world[across])]
    order = (across, rows, columns)
    first = np.zeros(3)
    steps = np.empty((3, 3))
    turned = np.transpose(values, (*order, *range(3, values.ndim)))
    for place, axis in enumerate(order):
        wanted = 1 if axis == across and axis == head else -1  # to left, back, foot; slices to head
        steps[place] = affine[:3, axis]
        if signs[axis] != wanted:
            turned = np.flip(turned, place)
            first[axis] = values.shape[axis] - 1
            steps[place] *= -1
    origin = affine[:3, :3] @ first + affine[:3, 3]
    return _Stack(turned, _TO_LPS @ origin, steps @ _TO_LPS)


def _slice_axis(shape: tuple[int, ...], sides: NDArray[np.float64], world: NDArray[Any]) -> int:
    single = [at for at in range(3) if shape[at] == 1]
    candidates = single or [at for at in range(3) if sides[at] * NEARLY_EQUAL >= sides.max()]
    to_head = [at for at in candidates if world[at] == 2]
    if single and 2 in single and to_head != [2]:
        return 2  # a picture of two dimensions
    return to_head[0] if to_head else max(candidates, key=lambda at: float(sides[at]))


def _check_frames(shape: tuple[int, ...], name: str) -> None:
    frames, rows, columns = shape[:3]
    if frames > MOST_FRAMES:
        raise RefusedFile(
            f"{name}: dim says {frames:,} slices, more than the {MOST_FRAMES:,} allowed."
        )
    if max(rows, columns) > _MOST_SIDE or rows * columns > MAX_PIXELS:
        raise RefusedFile(
            f"{name}: dim says slices of {columns:,} x {rows:,} voxels, more than "
            f"the {MAX_PIXELS:,} pixels or {_MOST_SIDE:,} a side allowed."
        )


def _greys(values: NDArray[Any], header: Nifti1Header, name: str, notes: list[str]) -> _Pixels:
    """Values as whole numbers where they are ones, else as float32 with the scaling done."""
    rescale = _rescale(header, name)
    numbers = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    if numbers.dtype.kind == "f":
        numbers = _finite(numbers, name, notes)
    whole = _whole(numbers)
    if whole is None and rescale is not None:
        numbers = _finite(numbers.astype(np.float64) * rescale[0] + rescale[1], name, notes)
        whole, rescale = _whole(numbers), None
    if whole is None:
        whole = np.clip(numbers.astype(np.float64), -_LARGEST, _LARGEST).astype(np.float32)
        if not np.array_equal(whole, numbers):
            notes.append("its values are kept as floats of 32 bits")
    return _Pixels(whole, rescale, _window(whole, rescale, header))


def _rescale(header: Nifti1Header, name: str) -> tuple[float, float] | None:
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not math.isfinite(slope):
        return None
    inter = inter if math.isfinite(inter) else 0.0
    if max(abs(slope), abs(inter)) > _LARGEST:
        raise RefusedFile(f"{name}: scl_slope or scl_inter is above {_LARGEST:g}, which is absurd.")
    return None if (slope, inter) == (1.0, 0.0) else (slope, inter)


def _finite(numbers: NDArray[Any], name: str, notes: list[str]) -> NDArray[Any]:
    known = np.isfinite(numbers)
    if known.all():
        return numbers
    if not known.any():
        raise RefusedFile(f"{name}: no voxel is a finite number (datatype, scl_slope).")
    notes.append("voxels that are no finite number were given the smallest value")
    return np.where(known, numbers, numbers[known].min())


def _whole(numbers: NDArray[Any]) -> NDArray[Any] | None:
    """The same numbers in at most 16 bits, or in 32 bits if they are whole already; else None."""
    if numbers.dtype.kind in "iu" and numbers.dtype.itemsize <= 2:
        return numbers
    kinds = (np.int16, np.uint16)
    wide = (np.int32, np.uint32) if numbers.dtype.kind in "iu" else ()
    low, high = numbers.min(), numbers.max()
    for kind in (*kinds, *wide):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            found = numbers.astype(kind)
            return found if np.array_equal(found, numbers) else None
    return None


def _window(
    values: NDArray[Any], rescale: tuple[float, float] | None, header: Nifti1Header
) -> tuple[float, float] | None:
    """Black and white: as the file says, else by the volume's quantiles without background."""
    low, high = float(header["cal_min"]), float(header["cal_max"])
    if max(abs(low), abs(high)) <= _LARGEST and high - low > 1 / _LARGEST:
        return low, high
    flat = values.reshape(-1)
    # a step without common factors with the rows would be better still; odd ones do
    some = flat[:: flat.size // _MOST_SAMPLED | 1].astype(np.float64)
    slope, inter = rescale or (1.0, 0.0)
    some = some * slope + inter
    inside = some[(some != 0) & (some != some.min())]
    for each in (inside, some):
        if each.size:
            low, high = (float(limit) for limit in np.quantile(each, (LOWEST, HIGHEST)))
            if high > low:
                return low, high
    low, high = float(some.min()), float(some.max())
    return (low, high) if high > low else None


def _data_set(pixels: _Pixels, stack: _Stack, content: bytes) -> Dataset:
    made = Dataset()
    values = pixels.values
    colour, floats = values.ndim == 4, values.dtype.kind == "f"
    made.SOPClassUID = _sop_class(values)
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(made, keyword, _uid(content, keyword))
    made.FrameOfReferenceUID = _uid(content, "FrameOfReferenceUID")
    made.PatientID = made.PatientName = ""
    made.Modality, made.ImageType = "OT", ["DERIVED", "SECONDARY"]
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


def _shared(pixels: _Pixels, stack: _Stack) -> Dataset:
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


def _own(stack: _Stack, at: int) -> Dataset:
    """Where a frame lies."""
    group, place, plane = Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = _decimals(*(stack.origin + at * stack.steps[0]))
    plane.ImageOrientationPatient = _decimals(*_directions(stack).reshape(-1))
    group.PlanePositionSequence = Items([place])
    group.PlaneOrientationSequence = Items([plane])
    return group


def _directions(stack: _Stack) -> NDArray[np.float64]:
    """(2, 3) unit vectors along a row and along a column."""
    along = stack.steps[[2, 1]]
    return np.asarray(along / np.linalg.norm(along, axis=1, keepdims=True))


def _decimals(*numbers: float) -> list[str]:
    return [format_number_as_ds(float(each) + 0.0) for each in numbers]  # no -0


def _written(made: Dataset) -> bytes:
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    target = io.BytesIO()
    dcmwrite(target, made, enforce_file_format=True)
    return target.getvalue()
