"""The pictures of images as pages show them and exports hand them out: at full size, or small."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.imaging.bundles import Bundle, glance_at
from sslapp.imaging.decode import browser_type, decode
from sslapp.imaging.intensities import IntensityMapping
from sslapp.imaging.originals import original_path
from sslapp.imaging.refused import MAX_PIXELS
from sslapp.imaging.thumbnails import png_bytes
from sslapp.rounds.project_pixels import imported_pixels, training_store
from sslapp.store import images, projects
from sslapp.store.database import reading
from sslapp.store.errors import Refused, Unknown
from sslapp.store.images import ImageRow
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.images.intensities import intensity_mapping
from sslapp.workspace import Workspace

PNG = "image/png"

THUMBNAIL = 96
"""Longest side of a thumbnail in pixels."""


@dataclass(frozen=True)
class Picture:
    """A picture file.

    Attributes:
        content: the file.
        media_type: of it.
        tag: names its content: pictures with the same tag are the same.
        lasting: the image never looks otherwise. Small pictures and those of deep images do when
            the training store is made again, at another size or with other intensities.
    """

    content: bytes
    media_type: str
    tag: str
    lasting: bool = True


def picture(
    access: Access, project: str | int | None, position: int, image: str | None = None
) -> Picture:
    """The picture of one image to read: its original, or the stored row that is as good.

    Of a stack of slices it is the one in the middle, of other pictures that are one image all of
    them side by side; `part_of` gives the others.

    Args:
        image: content hash of the picture that is meant; None for whichever is at `position`.

    Raises:
        Unknown: when the project has no such image.
        OtherImage: when another picture is at that position.
        NotAllowed: when the reader is no member of the project.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        row = _row(conn, project_id, position, image)
        if row.original is None:
            whole = imported_pixels(conn, access.workspace, project_id).image(position)
            return Picture(png_bytes(whole), PNG, row.sha256)
        intensities = intensity_mapping(conn, project_id)
    folder = access.workspace.project(project_id) / "originals"
    path = original_path(folder, row.original)
    facts = glance_at(path)
    if facts is not None and facts.rule is not None:
        return _part(path, row, facts.first)
    content = path.read_bytes()
    media_type = browser_type(content)
    if media_type is None:
        shown = png_bytes(decode(content, row.name, intensities))
        return Picture(shown, PNG, f"{row.original}-{intensities}", lasting=False)
    return Picture(content, media_type, row.original)


@dataclass(frozen=True)
class Parts:
    """The pictures that are one image.

    Attributes:
        count: of them; 1 of an image that is one.
        first: which of them `picture` is, from 0; None where that shows all side by side.
    """

    count: int
    first: int | None


def parts(
    access: Access, project: str | int | None, position: int, image: str | None = None
) -> Parts:
    """How many pictures are one image; arguments and errors like `picture`."""
    path, _ = _original(access, project, position, image)
    facts = None if path is None else glance_at(path)
    if facts is None:
        return Parts(1, 0)
    return Parts(facts.count, None if facts.rule is None else facts.first)


def part_of(
    access: Access, project: str | int | None, position: int, part: int, image: str | None = None
) -> Picture:
    """One of the pictures that are one image; arguments and errors like `picture`.

    Args:
        part: which, from 0.

    Raises:
        Unknown: when it has no such picture.
    """
    path, row = _original(access, project, position, image)
    facts = None if path is None else glance_at(path)
    if path is None or facts is None or part >= facts.count:
        raise Unknown(f"Image {position} has no picture {part + 1}.")
    return _part(path, row, part)


def has_parts(access: Access, project: str | int | None) -> bool:
    """Whether an image of the project may be several pictures."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        kept = projects.find_project(conn, project_id).settings.image_of
    return kept is not None and kept.bundles


def _original(
    access: Access, project: str | int | None, position: int, image: str | None
) -> tuple[Path | None, ImageRow]:
    """Where an image's original lies, if it has one; errors as of `picture`."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        row = _row(conn, project_id, position, image)
    folder = access.workspace.project(project_id) / "originals"
    return (None if row.original is None else original_path(folder, row.original)), row


def _part(path: Path, row: ImageRow, part: int) -> Picture:
    from sslapp.imaging.dicom.together import picture_at  # pydicom takes a second to import

    shown = png_bytes(picture_at(Bundle(path, row.name), part, MAX_PIXELS))
    return Picture(shown, PNG, f"{row.original}-{part}")


def _as_shown(content: bytes, name: str, intensities: IntensityMapping) -> bytes:
    """A file as every viewer shows it: itself, or a PNG of what the program sees in it."""
    if browser_type(content) is not None:
        return content
    return png_bytes(decode(content, name, intensities))


def thumbnail(
    access: Access, project: str | int | None, position: int, image: str | None = None
) -> Picture:
    """A small picture of one image; arguments and errors like `picture`."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        _row(conn, project_id, position, image)
        stored = training_store(conn, access.workspace, project_id).image(position)
    small = png_bytes(stored, THUMBNAIL)
    tag = hashlib.sha256(small).hexdigest()
    return Picture(small, PNG, tag, lasting=False)


def thumbnails(
    access: Access,
    project: str | int | None,
    positions: Sequence[int] | NDArray[np.int64],
    side: int = THUMBNAIL,
) -> list[bytes]:
    """PNGs of many images in the order given, for a grid that is sent as one payload.

    Raises:
        Unknown: when the project lacks one of the images.
        NotAllowed: when the reader is no member of the project.
    """
    wanted = np.asarray(positions, dtype=np.int64)
    if len(wanted) == 0:
        return []
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        count = images.image_count(conn, project_id)
        if wanted.min() < 0 or wanted.max() >= count:
            raise Unknown(f"There is no image {wanted.max()} in this project.")
        rows = training_store(conn, access.workspace, project_id).take(wanted)
    return [png_bytes(row, side) for row in rows]


def image_hashes(
    access: Access, project: str | int | None, positions: Sequence[int] | NDArray[np.int64]
) -> list[str]:
    """Content hashes of images in the order given; the addresses of their pictures carry them.

    Raises:
        Unknown: when the project lacks one of the images.
        NotAllowed: when the reader is no member of the project.
    """
    wanted = np.asarray(positions, dtype=np.int64).tolist()
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = images.pixel_hashes(conn, project_id, wanted)
    missing = next((each for each in wanted if each not in found), None)
    if missing is not None:
        raise Unknown(f"There is no image {missing} in this project.")
    return [found[each] for each in wanted]


class PictureFiles:
    """The picture files that an export or a worksheet hands out: originals, or PNGs of rows.

    Args:
        positions: (n,) int64, the images that will be asked for.
        side: length in pixels that PNGs of rows are scaled to; None keeps the row's own.
        as_shown: originals that viewers show otherwise than the Label page, such as those of 16
            bits, become PNGs of what it shows.
    """

    def __init__(
        self,
        conn: Connection,
        workspace: Workspace,
        project_id: int,
        positions: NDArray[np.int64],
        side: int | None = None,
        *,
        as_shown: bool = False,
    ) -> None:
        rows = images.image_rows(conn, project_id, positions)
        self._originals = {row.position: row.original for row in rows}
        self._intensities = intensity_mapping(conn, project_id) if as_shown else None
        self._folder = workspace.project(project_id) / "originals"
        self._imported = imported_pixels(conn, workspace, project_id)
        self._side = side

    def __call__(self, position: int) -> bytes:
        """The file's bytes."""
        original = self._originals[position]
        if original is not None:
            content = original_path(self._folder, original).read_bytes()
            if self._intensities is None:
                return content
            return _as_shown(content, f"image {position}", self._intensities)
        return png_bytes(self._imported.image(position), self._side)


def _row(conn: Connection, project_id: int, position: int, image: str | None) -> ImageRow:
    try:
        (row,) = images.image_rows(conn, project_id, [position])
    except Refused as error:
        raise Unknown(str(error)) from error
    if image is not None:
        images.must_be_seen(position, row.sha256, image)
    return row
