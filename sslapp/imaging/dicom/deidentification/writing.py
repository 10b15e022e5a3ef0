"""The bytes of a file that this program writes (PS3.10, section 7)."""

import io

from pydicom import dcmwrite, uid
from pydicom.dataset import Dataset, FileMetaDataset

from sslapp.imaging.dicom.opening import PREAMBLE

IMPLEMENTATION = "2.25.204514861247284135741527395016318229307"
"""Of a file that this program wrote, in place of that of the device (PS3.10, section 7.1)."""


def part_10(data_set: Dataset, syntax: str) -> bytes:
    """The bytes of a file of a data set whose pixels are in a transfer syntax."""
    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength = 0  # counted when it is written
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    meta.TransferSyntaxUID = uid.UID(syntax)
    meta.ImplementationClassUID = uid.UID(IMPLEMENTATION)
    data_set.file_meta = meta
    data_set.preamble = bytes(PREAMBLE)
    target = io.BytesIO()
    dcmwrite(target, data_set, enforce_file_format=False)
    return target.getvalue()


def even(content: bytes) -> bytes:
    """With a byte more where their number is odd (PS3.5, section 7.1.1)."""
    return content + b"\0" * (len(content) % 2)
