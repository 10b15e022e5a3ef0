"""What a NIfTI file holds: its header, its voxels and where they lie, and none of its texts.

NIfTI-1 and NIfTI-2 in a single file (nifti1.h, nifti2.h), plain or in gzip. Only sizes, values and
place are read: free texts (descrip, aux_file, intent_name, db_name) and extensions never are.
"""

import math
import struct
import zlib
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from sslapp.imaging.refused import MAX_BYTES, RefusedFile

_GZIP = b"\x1f\x8b"
_BLOCK, _MOST_MEMBERS = 1 << 16, 1 << 14
_SIZES = {348: (344, b"n+1\0"), 540: (4, b"n+2\0")}
_LONGEST_HEADER = max(_SIZES)
_COLOURS = {128: 3, 2304: 4}
_KINDS = {
    **{2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"},
    **{1024: "i8", 1280: "u8", 128: "u1", 2304: "u1"},
}
_UNREAD = {1: "bits", 32: "complex numbers", 1536: "floats of 128 bits", 1792: "complex numbers"}
_UNREAD |= {2048: "complex numbers"}
_MILLIMETRES = {1: 1000.0, 3: 0.001}  # of a metre and a micrometre in xyzt_units


def read_volume(
    content: bytes, name: str, notes: list[str]
) -> tuple[Nifti1Header, NDArray[Any], NDArray[np.float64]]:
    """The header, the voxels and the affine of a file.

    Args:
        notes: are added to, each a sentence without its full stop.

    Returns:
        The header; (X, Y, Z) or (X, Y, Z, colours) values in the order of the file's axes; (4, 4)
        from voxels to mm in RAS.

    Raises:
        RefusedFile: when it is cut off, absurd, or of a kind that is not read.
    """
    header = _header(_inflated(content, _LONGEST_HEADER), name)
    shape, kind = _shape(header, name), _kind(header, name)
    affine = _affine(header, notes)
    return header, _values(content, header, shape, kind, name), affine


def is_nifti(content: bytes) -> bool:
    """Whether a file is a NIfTI file, by its content; of gzip only the header is inflated."""
    try:
        return _byte_order(_inflated(content, _LONGEST_HEADER)) is not None
    except zlib.error:
        return False


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
