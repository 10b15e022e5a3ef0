"""A DICOM file without whom it is of: written anew from what may stay."""
