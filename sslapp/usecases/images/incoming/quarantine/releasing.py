"""Letting images out of the quarantine, blacked out or as they are, and throwing them away."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from sslapp.datasets.quarantine.held_images import HeldFolder, held_folders
from sslapp.datasets.source import ImageSource
from sslapp.imaging.rectangles import Rectangle
from sslapp.jobs import history, queue
from sslapp.jobs.context import JobContext
from sslapp.store import images
from sslapp.store.database import lock_project, reading, writing
from sslapp.store.errors import Refused, Unknown
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.usecases.images.incoming.quarantine.holding import files_of, held_now
from sslapp.usecases.images.incoming.shape import kept_of_dicom
from sslapp.usecases.images.withdrawal import PATHS
from sslapp.vocabulary import JobKind, Role

__all__ = [
    "RELEASED",
    "Rectangle",
    "discard",
    "notes",
    "open_release",
    "release",
    "remove_released",
    "told",
]

RELEASED = "released"
"""Parameter of an import of what was held back: its series, and what is blacked out."""


@dataclass(frozen=True)
class _Release:
    """What a release's job is told."""

    series: tuple[str, ...]
    rectangles: tuple[Rectangle, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "series": list(self.series),
            "rectangles": [each.to_json() for each in self.rectangles],
        }

    @classmethod
    def of(cls, context: JobContext) -> "_Release":
        kept = context.claim.params[RELEASED]
        return cls(tuple(kept["series"]), tuple(map(Rectangle.from_json, kept["rectangles"])))


def release(
    access: Access,
    project: str | int | None,
    series: Sequence[str],
    rectangles: Sequence[Rectangle] = (),
) -> int:
    """Queue the import of series that are held back, and return the job's id.

    Args:
        series: their labels or pseudonymous UIDs.
        rectangles: on their pictures as they are seen: black afterwards, in every frame.

    Raises:
        NotAllowed: when the reader is no admin of the project.
        Unknown: when a series is not held back.
        Refused: when a rectangle lies outside of a picture, or the series are let out already.
    """
    with writing(access.engine) as conn:
        project_id, folders = _asked(conn, access, project, series)
        _check(folders, rectangles)
        title = folders[0].title
        found = _Release(tuple(_uids(folders)), tuple(rectangles))
        params = {
            **Origin(source=title, name=title).to_json(access.workspace),
            RELEASED: found.to_json(),
        }
        return queue.enqueue(conn, project_id, JobKind.IMPORT, params, access.reader_id)


def discard(access: Access, project: str | int | None, series: Sequence[str]) -> int:
    """Throw series away that are held back; return how many images. A job deletes their files.

    Raises:
        NotAllowed, Unknown, Refused: as `release`.
    """
    with writing(access.engine) as conn:
        project_id, folders = _asked(conn, access, project, series)
        params = {PATHS: files_of(access.workspace, folders)}
        queue.enqueue(conn, project_id, JobKind.REMOVAL, params, access.reader_id)
    return sum(len(each.images) for each in folders)


def under_way(access: Access, project_id: int) -> frozenset[str]:
    """UIDs of the series that jobs let out at the moment; for admins."""
    with reading(access.engine) as conn:
        require(conn, access, project_id, Role.ADMIN)
        return frozenset(_let_out(conn, project_id))


def open_release(context: JobContext) -> ImageSource:
    """The images that a job lets out.

    Raises:
        ValueError: when nothing of them is held back, or the project's images are something else.
    """
    from sslapp.datasets.quarantine.released import ReleasedSource  # pydicom takes a second

    asked = _Release.of(context)
    with reading(context.engine) as conn:
        held = held_now(conn, context.workspace, context.claim.project_id)
        kept = kept_of_dicom(conn, context.claim.project_id)
    folders = _of_series(held, asked.series)
    if not folders:
        raise Refused("Nothing of these series is held back any more.")
    if kept not in (None, folders[0].image_of):
        raise Refused(
            "What is held back was to become images of another kind than the project's have been "
            "since. Discard it, and import its source again."
        )
    return ReleasedSource(folders, dict.fromkeys(asked.series, asked.rectangles))


def told(context: JobContext) -> dict[str, Any] | None:
    """What the log says of a release besides who asked for it; None for any other import."""
    if RELEASED not in context.claim.params:
        return None
    return {RELEASED: _Release.of(context).to_json()}


def notes(context: JobContext) -> list[str]:
    """What the import's result says of a release."""
    if RELEASED not in context.claim.params:
        return []
    asked = _Release.of(context)
    black = "; ".join(map(str, asked.rectangles))
    how = f"blacked out at {black} (x, y, width, height)" if black else "taken as they are"
    return [f"Let out of the quarantine: {len(asked.series):,} series, {how}."]


def remove_released(conn: Connection, context: JobContext) -> None:
    """In the transaction that took them in: queue the deletion of files that were held back."""
    if RELEASED not in context.claim.params:
        return
    claim, asked = context.claim, _Release.of(context)
    there = _all_of_series(context, asked.series)
    names = [image.name for each in there for image in each.images]
    here = images.named(conn, claim.project_id, names)
    folders = [
        replace(each, images=[image for image in each.images if image.name in here])
        for each in there
    ]
    paths = files_of(context.workspace, [each for each in folders if each.images])
    if paths:
        queue.enqueue(conn, claim.project_id, JobKind.REMOVAL, {PATHS: paths}, claim.reader_id)


def _all_of_series(context: JobContext, series: Sequence[str]) -> list[HeldFolder]:
    """Their folders, those of images that the project has by now too."""
    below = context.workspace.quarantine(context.claim.project_id)
    return [
        each
        for folder in sorted(below.iterdir())
        for each in held_folders(folder)
        if _is_of(each, series)
    ]


def _asked(
    conn: Connection, access: Access, project: str | int | None, series: Sequence[str]
) -> tuple[int, list[HeldFolder]]:
    """The project, and what is held back of the series that are named."""
    project_id = find_project(conn, access, project)
    require(conn, access, project_id, Role.ADMIN)
    lock_project(conn, project_id)
    held = held_now(conn, access.workspace, project_id)
    for each in series:
        if not _of_series(held, [each]):
            raise Unknown(f'No series "{each}" is held back. `sslapp quarantine list` names them.')
    folders = _of_series(held, series)
    if not folders:
        raise Refused("Name a series. `sslapp quarantine list` names those that are held back.")
    going = _let_out(conn, project_id)
    for each in _uids(folders):
        if each in going:
            raise Refused(f"Job {going[each]} lets one of these series out. Wait for its end.")
    if len({each.image_of for each in folders}) > 1:
        raise Refused("These series are different things to label. Name one series at a time.")
    return project_id, folders


def _let_out(conn: Connection, project_id: int) -> dict[str, int]:
    """UID of a series -> the job that lets it out and has not ended."""
    rows = history.under_way(conn, JobKind.IMPORT, project_id)
    return {
        series: row["id"]
        for row in rows
        for series in row["params"].get(RELEASED, {}).get("series", ())
    }


def _of_series(held: Sequence[HeldFolder], series: Sequence[str]) -> list[HeldFolder]:
    return [each for each in held if _is_of(each, series)]


def _is_of(folder: HeldFolder, series: Sequence[str]) -> bool:
    called = {name for each in folder.images[:1] for name in (each.series, each.label)}
    return not called.isdisjoint(series)


def _uids(folders: Sequence[HeldFolder]) -> list[str]:
    return sorted({each.images[0].series for each in folders})


def _check(folders: Sequence[HeldFolder], rectangles: Sequence[Rectangle]) -> None:
    for folder in folders:
        for image in folder.images:
            for width, height in image.sizes:
                for each in rectangles:
                    if not each.meets(width, height):
                        raise Refused(
                            f"The rectangle {each} lies outside of {image.name}, which has "
                            f"{width} x {height} pixels."
                        )
