"""DICOM files that tests make."""

import base64
import io
import zlib
from copy import deepcopy

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmwrite, uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import write_file_meta_info
from pydicom.pixels import get_encoder
from pydicom.sequence import Sequence

EXPLICIT = uid.ExplicitVRLittleEndian
SECRET = bytes(range(32))
GREY = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
COLOURS = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)

HTJ2K = base64.b64decode(
    "/0//UQApQAAAAAAIAAAACAAAAAAAAAAAAAAACAAAAAgAAAAAAAAAAAABDwEB/1AACAACAAAAC/9SAAwAAgABAAIE"
    "BEAB/1wACiCQmJiYkJCY/2QAFgABT3BlbkpQSCBWZXIgMC45LjAu/5AACgAAAAAAUgAB/5PAABWA/38mnSwuM/AC"
    "gLQAwAAJ4AAFQJIhGQOCdACejJ6MAUNUAMAAFVAABWjOO++886pygnUAfr6f9/N+/sCEAey2AP/Z"
)
"""GREY as ojph_compress 0.9 (Debian's openjph-tools) writes it, reversible."""


def data_set(values: NDArray | None = None, **elements: object) -> Dataset:
    """A CT slice of (H, W), a colour image of (H, W, 3), or frames of (F, H, W).

    Elements that are None are left out.
    """
    if values is None:
        values = np.arange(48, dtype=np.uint16).reshape(6, 8)
    colour = values.ndim > 2 and values.shape[-1] == 3
    rows, columns = values.shape[-3:-1] if colour else values.shape[-2:]
    bits = values.dtype.itemsize * 8
    found = {
        "SOPClassUID": uid.CTImageStorage,
        "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.7.1",
        "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.7.2",
        "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.7.3",
        "PatientID": "P-1",
        "Modality": "CT",
        "SamplesPerPixel": 3 if colour else 1,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
        "PlanarConfiguration": 0 if colour else None,
        "Rows": rows,
        "Columns": columns,
        "NumberOfFrames": len(values) if values.ndim == (4 if colour else 3) else None,
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(values.dtype.kind == "i"),
        "PixelData": values.astype(values.dtype.newbyteorder("<")).tobytes(),
    }
    made = Dataset()
    for keyword, value in (found | elements).items():
        if value is not None:
            setattr(made, keyword, value)
    return made


def item(**elements: object) -> Sequence:
    """A sequence of one item."""
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return Sequence([made])


def written(
    made: Dataset,
    syntax: str = EXPLICIT,
    *,
    frames: list[bytes] | None = None,
    offsets: bool = True,
    preamble: bool = True,
    meta: bool = True,
    says: str | None = None,
) -> bytes:
    """The bytes of a file.

    Args:
        frames: encapsulated frames in place of the data set's pixels.
        offsets: whether there is a basic offset table, which takes each fragment for a frame.
        meta: whether it has file meta information.
        says: another transfer syntax than it is written in; "" for none.
    """
    syntax, made = uid.UID(syntax), deepcopy(made)
    if frames is not None:
        made.PixelData = encapsulate(
            [each + b"\0" * (len(each) % 2) for each in frames], has_bot=offsets
        )
        made["PixelData"].is_undefined_length = True
    elif len(made.get("PixelData", b"")) % 2:
        made.PixelData += b"\0"
    if "PixelData" in made:
        made["PixelData"].VR = "OB" if made.BitsAllocated <= 8 or frames is not None else "OW"
        if syntax == uid.ExplicitVRBigEndian and made.BitsAllocated > 8:
            kind = f"u{made.BitsAllocated // 8}"
            made.PixelData = np.frombuffer(made.PixelData, f"<{kind}").astype(f">{kind}").tobytes()
    target = io.BytesIO()
    implicit, little = syntax.is_implicit_VR, syntax.is_little_endian
    dcmwrite(target, made, implicit_vr=implicit, little_endian=little, force_encoding=True)
    content = target.getvalue()
    if syntax == uid.DeflatedExplicitVRLittleEndian:
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        content = squeeze.compress(content) + squeeze.flush()
    head = _meta(made, syntax if says is None else says) if meta else b""
    return (bytes(128) + b"DICM" if preamble else b"") + head + content


def _meta(made: Dataset, syntax: str) -> bytes:
    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength = 0
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = made.get("SOPClassUID", uid.CTImageStorage)
    meta.MediaStorageSOPInstanceUID = made.get("SOPInstanceUID", "1.2.3")
    if syntax:
        meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = "1.2.3.4"
    meta.SourceApplicationEntityTitle = "ZZAETITLE"
    target = io.BytesIO()
    write_file_meta_info(target, meta, enforce_standard=False)
    return target.getvalue()


def coded(values: np.ndarray, syntax: str) -> bytes:
    """A frame of (H, W) or (H, W, 3)."""
    made = data_set(values)
    frame: bytes = get_encoder(syntax).encode(
        values,
        rows=values.shape[0],
        columns=values.shape[1],
        number_of_frames=1,
        samples_per_pixel=made.SamplesPerPixel,
        bits_allocated=made.BitsAllocated,
        bits_stored=made.BitsStored,
        pixel_representation=made.PixelRepresentation,
        photometric_interpretation=made.PhotometricInterpretation,
        planar_configuration=0,
    )
    return frame


def run_lengths(values: np.ndarray) -> bytes:
    return coded(values, uid.RLELossless)
