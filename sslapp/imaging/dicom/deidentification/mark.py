"""The mark of a file that `cleaning` wrote, by which others are kept out of a workspace.

It stands in the preamble, with a hash of everything up to the pixels: a file that was changed since
has none. It is no proof against who makes one on purpose.
"""

import hashlib

from sslapp.imaging.dicom.opening import PREAMBLE, DicomFile, open_dicom

_WORDS = b"de-identified by sslapp, 1\n"


def marked(content: bytes) -> bytes:
    """A file with its mark."""
    file = open_dicom(content, "the de-identified file")
    return _mark(file) + content[PREAMBLE:]


def looks_marked(content: bytes) -> bool:
    """Whether a file begins as one that `cleaning` wrote; `is_marked` knows."""
    return content.startswith(_WORDS)


def is_marked(file: DicomFile) -> bool:
    """Whether a file is one that `cleaning` wrote, and nothing of its header was changed since."""
    return file.content[:PREAMBLE] == _mark(file)


def _mark(file: DicomFile) -> bytes:
    digest = hashlib.sha256(file.content[PREAMBLE : file.pixels.start]).digest()
    return (_WORDS + digest).ljust(PREAMBLE, b"\0")
