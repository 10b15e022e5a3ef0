"""Folders and archives of pictures as sources, without what lists among them say."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from sslapp.datasets.pictures.archives.limits import Limits
from sslapp.datasets.pictures.archives.listing import archive_listing, opened_archive
from sslapp.datasets.pictures.arranged import files_source
from sslapp.datasets.pictures.files import FilesSource
from sslapp.datasets.pictures.folder import folder_listing, opened
from sslapp.datasets.pictures.listing import Opened
from sslapp.datasets.pictures.reading import AS_SUGGESTED, Reading


def folder_source(
    root: Path, *, reading: Reading = AS_SUGGESTED, group_pattern: str | None = None
) -> FilesSource:
    listing = folder_listing(root)
    wanted = reading if group_pattern is None else replace(reading, group_pattern=group_pattern)
    return files_source(listing, wanted, opened(listing))


def archive_source(
    path: Path,
    *,
    name: str | None = None,
    reading: Reading = AS_SUGGESTED,
    group_pattern: str | None = None,
    limits: Limits | None = None,
) -> FilesSource:
    listing = archive_listing(path, name=name, limits=limits)
    wanted = reading if group_pattern is None else replace(reading, group_pattern=group_pattern)
    return files_source(listing, wanted, Opened(partial(opened_archive, path, limits)))
