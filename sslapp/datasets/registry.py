"""Opens an image source by what a person types: a name, or the path of a folder or file."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sslapp.datasets.arrays.parts import npz_source
from sslapp.datasets.dicom.misnamed import is_of_dicom
from sslapp.datasets.known.catalogue import KNOWN, open_known
from sslapp.datasets.known.medmnist import check_one_label
from sslapp.datasets.own_exports import export_of, own_source, own_table
from sslapp.datasets.pictures.arranged import files_source
from sslapp.datasets.pictures.described import opened, pictures_listing
from sslapp.datasets.pictures.files import STUDY_SUFFIXES, ending
from sslapp.datasets.pictures.manifest import manifest_source
from sslapp.datasets.pictures.reading import AS_SUGGESTED, Reading
from sslapp.datasets.pictures.watch import UNWATCHED, Watch
from sslapp.datasets.source import CountedSource
from sslapp.datasets.tables.reading import LISTS

NAMES = tuple(KNOWN)
"""The sets that are opened by name."""

FILES = (".zip", ".npz", *LISTS, *sorted(STUDY_SUFFIXES))
"""What a file is called that holds or lists images: an archive, arrays, a list, DICOM."""


Secret = Callable[[], bytes]
"""Gives the secret that a project's pseudonyms are made with."""


def passing_secret() -> bytes:
    """A secret for a look that nothing is kept of."""
    return os.urandom(32)


def open_source(
    spec: str,
    *,
    root: Path | None = None,
    group_pattern: str | None = None,
    reading: Reading | None = None,
    name: str | None = None,
    within: Sequence[Path] | None = None,
    secret: Secret = passing_secret,
    watch: Watch = UNWATCHED,
) -> CountedSource:
    """Open an image source.

    Args:
        spec: one of NAMES, or the path of a folder of images or of one of FILES: a zip archive of
            them, a MedMNIST-layout .npz file, a manifest, a DICOM file. A folder or archive that
            this program exported gives an OwnSource, with the labels.
        root: where a named set lies, or in a folder directly in it; needed for all but "digits".
        group_pattern: that of `reading`, for short.
        reading: what folders and names of a folder or archive mean; None as it looks, where that
            is not in doubt.
        name: how a file's import is called; its own name by default.
        within: folders that a manifest's pictures may lie in; default: its own.
        secret: under which DICOM files are de-identified; asked for where there are any.
        watch: told how far the reading of their headers is.

    Raises:
        ValueError: when nothing can be opened, listing what is supported.
    """
    path = export_of(Path(spec))
    kind = ending(path.name) if path.is_file() else ""
    if group_pattern is not None and kind != ".zip" and not path.is_dir():
        raise ValueError(
            f"{spec}: a group pattern reads file names, so it needs a folder or a zip archive."
        )
    if spec in KNOWN:
        return open_known(spec, root)
    if path.is_dir() or kind == ".zip":
        wanted = reading or AS_SUGGESTED
        if group_pattern is not None:
            wanted = replace(wanted, group_pattern=group_pattern)
        return _pictures(path, wanted, name, secret, watch)
    if kind in STUDY_SUFFIXES:
        return _pictures(path, reading or AS_SUGGESTED, name, secret, watch)
    if kind == ".npz":
        return npz_source(path, name)
    if kind in LISTS:
        return manifest_source(path, within=within)
    raise unknown(spec)


def unknown(spec: str) -> ValueError:
    """The error for what is no source.

    Raises:
        ValueError: for the name of a set that no project can hold.
    """
    check_one_label(spec)
    return ValueError(
        f'"{spec}" is neither the name of a set (`sslapp import --list`) nor the path of a folder '
        "of images, a zip archive of them, an .npz file or a list of pictures "
        f"({', '.join(LISTS)}) that is there."
    )


def _pictures(
    path: Path, reading: Reading, name: str | None, secret: Secret, watch: Watch
) -> CountedSource:
    """A folder or archive of pictures; one that this program exported brings their labels.

    One that holds DICOM files is one of these alone.
    """
    if ending(path.name) not in STUDY_SUFFIXES and (table := own_table(path)) is not None:
        return own_source(path, table)
    listing = pictures_listing(path, name=name)
    if is_of_dicom(listing, opened(listing)):
        from sslapp.datasets.dicom.source import dicom_source  # pydicom takes a second to import

        return dicom_source(listing, opened(listing), reading, secret(), watch)
    return files_source(listing, reading, opened(listing))
