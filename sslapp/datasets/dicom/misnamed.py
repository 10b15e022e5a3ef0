"""DICOM files that are called as pictures are, which only their content tells."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from sslapp.datasets.dicom.asking import candidates
from sslapp.datasets.pictures.files import SUFFIXES
from sslapp.datasets.pictures.listing import Listing, Opened

TRIED = 32
"""Files called pictures that are looked into: where DICOM files are called so, most are."""


_PREAMBLE, _MARK = 128, b"DICM"
"""What every file begins with that is written as PS3.10, section 7.1, says."""


def is_of_dicom(listing: Listing, opened: Opened) -> bool:
    """Whether a listed folder or archive is a source of DICOM files.

    Of files that are called pictures, TRIED are looked into, spread over all of them; the import
    refuses by its content one that was not.
    """
    if candidates(listing):
        from sslapp.datasets.dicom.index import holds_dicom  # pydicom takes a second to import

        if holds_dicom(listing, opened):
            return True
    with opened.whole() as read:
        for name in _some(listing):
            try:
                if read(listing.where.get(name, name)).startswith(_MARK, _PREAMBLE):
                    return True
            except (OSError, ValueError):
                continue  # of the files that cannot be read the import says so
    return False


def _some(listing: Listing) -> Iterator[str]:
    """Names of files that are called pictures, TRIED at most."""
    for at in range(0, len(listing.names), max(1, len(listing.names) // TRIED)):
        if PurePosixPath(listing.names[at]).suffix.lower() in SUFFIXES:
            yield listing.names[at]
