"""Sources of DICOM files: what lies in them, what becomes an image, and its de-identified file.

Nothing that a source calls a file, a folder or itself leaves this folder: such names often are
those of patients. An image is called by pseudonyms, a file that is left out by its number.
"""
