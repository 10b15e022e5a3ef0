"""DICOM files: what is read of them, their frames, how they are shown, and what of them may stay.

Only this folder knows pydicom, which takes a second to import: who reads other pictures as well
imports from here where a DICOM file is at hand.
"""
