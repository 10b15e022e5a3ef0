"""What is read of a DICOM file, within limits, and as what."""
