"""NIfTI volumes, which become DICOM files of many frames."""
