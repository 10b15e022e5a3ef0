"""Opening a file of a study: DICOM, or a NIfTI volume, which becomes DICOM of many frames."""

from dataclasses import replace

from sslapp.imaging.dicom.nifti.slices import nifti_slices
from sslapp.imaging.dicom.nifti.volume import is_nifti
from sslapp.imaging.dicom.opening import DicomFile, is_dicom, open_dicom


def is_study(content: bytes) -> bool:
    """Whether a file is one of these, by its content."""
    return is_dicom(content) or is_nifti(content)


def open_study(content: bytes, name: str) -> DicomFile:
    """Open a file that `is_study` found.

    Raises:
        RefusedFile: as `open_dicom` and `nifti_slices`.
    """
    if is_dicom(content):
        return open_dicom(content, name)
    volume = nifti_slices(content, name)
    file = open_dicom(volume.dicom, name)
    return replace(file, header=replace(file.header, notes=volume.notes))
