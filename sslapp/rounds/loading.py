"""What a worker reads before anything is trained: a snapshot and the project's arrays."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, Engine, RowMapping

from sslapp.embedding.views import view_names
from sslapp.imaging.derived_pixels import derive
from sslapp.imaging.original_pixels import OriginalPixels
from sslapp.imaging.picture_rows import PictureRows
from sslapp.imaging.pixels import PixelStore
from sslapp.rounds.data import TaskFeatures, TaskPixels, build_task
from sslapp.rounds.project_pixels import (
    imported_pixels,
    originals_at,
    pictures_of,
    training_store,
)
from sslapp.store import images
from sslapp.store.database import reading
from sslapp.store.embeddings import find_embedding, find_views
from sslapp.store.snapshots import find_snapshot, load
from sslapp.training.inputs.joined import JoinedFeatures
from sslapp.training.task import Task
from sslapp.workspace import Workspace

RESIZED = "resized"
"""Folder of a project's images at other sizes than the training store's."""


def load_task(
    workspace: Workspace,
    engine: Engine,
    project_id: int,
    snapshot_id: int,
    *,
    embedding_ids: Sequence[int] = (),
    view_set_id: int | None = None,
    join: bool = False,
    segments: Sequence[str] | None = None,
    image_size: int = 0,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Task:
    """The task of a snapshot.

    Args:
        embedding_ids: by id and not the newest, for every attempt must train on the same features;
            the first is the task's own, the others are beside it.
        view_set_id: the encoded views of the first.
        join: give the features of several embeddings as those of one.
        segments: paths of the pixels, for the same reason; None takes what the project has now.
        image_size: pixels a side of images that are read from originals; 0 for the training
            store's.
        report: called as report(images read, N) while they are; may raise to stop.
    """
    with reading(engine) as conn:
        snapshot = load(workspace, find_snapshot(conn, snapshot_id))
        groups = images.groups(conn, project_id)
        embeddings = [find_embedding(conn, project_id, each) for each in embedding_ids]
        views = None if view_set_id is None else find_views(conn, view_set_id)
    store = stored_images(
        workspace, engine, project_id, segments=segments, image_size=image_size, report=report
    )
    task = build_task(
        snapshot,
        pixels=TaskPixels(store),
        features=_features(workspace, embeddings, views),
        groups=groups,
    )
    if task.features is None or not join or not task.features.beside:
        return task
    return replace(task, features=JoinedFeatures(task.features))


def stored_images(
    workspace: Workspace,
    engine: Engine,
    project_id: int,
    *,
    segments: Sequence[str] | None = None,
    image_size: int = 0,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> PixelStore:
    """A project's images as networks train on them.

    Args:
        segments, image_size, report: as in `load_task`.
    """
    with reading(engine) as conn:
        paths = pixel_segments(conn, project_id) if segments is None else segments
        resized = _resized(conn, workspace, project_id, image_size) if image_size else None
    if resized is None:
        return PixelStore([workspace.path(each) for each in paths])
    return derive(*resized, workspace.project(project_id) / RESIZED, report=report)


def pixel_segments(conn: Connection, project_id: int) -> list[str]:
    """Paths of the project's training store, relative to the workspace, by position."""
    return [each.pixels for each in images.image_sets(conn, project_id)]


def stored_pictures(
    workspace: Workspace,
    engine: Engine,
    project_id: int,
    *,
    image_size: int = 0,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[PictureRows, PixelStore] | None:
    """The pictures of a project's images, one by one, where images are several; else None.

    Args:
        image_size, report: as in `load_task`.
    """
    with reading(engine) as conn:
        pictures = pictures_of(conn, workspace, project_id)
        if pictures is None:
            return None
        side = image_size or training_store(conn, workspace, project_id).shape[1]
        resized = _resized(conn, workspace, project_id, side, pictures)
    return pictures, derive(*resized, workspace.project(project_id) / RESIZED, report=report)


def _resized(
    conn: Connection,
    workspace: Workspace,
    project_id: int,
    side: int,
    pictures: PictureRows | None = None,
) -> tuple[OriginalPixels, list[str]]:
    """The images from originals at a side, or their pictures, and what each is made of."""
    source = originals_at(conn, workspace, project_id, side, pictures=pictures)
    imported = imported_pixels(conn, workspace, project_id)
    how = f"{source.intensities} {source.aspect}"
    made_of = [
        f"{how} {name or hashlib.sha256(imported.image(row).tobytes()).hexdigest()}"
        for row, name in enumerate(images.original_of_each(conn, project_id))
    ]
    if pictures is None:
        return source, made_of
    places = map(pictures.place, range(pictures.total))
    return source, [f"{made_of[image]} picture {part}" for image, part in places]


def load_features(
    workspace: Workspace,
    engine: Engine,
    project_id: int,
    embedding_ids: Sequence[int],
    count: int,
) -> list[TaskFeatures]:
    """The first `count` images' features of some embeddings, each by itself."""
    with reading(engine) as conn:
        rows = [find_embedding(conn, project_id, each) for each in embedding_ids]
    return [_plain(workspace, each).first(count) for each in rows]


def _plain(workspace: Workspace, row: RowMapping) -> TaskFeatures:
    return TaskFeatures.read(workspace.path(row["features"]), name=row["encoder"])


def _features(
    workspace: Workspace, embeddings: Sequence[RowMapping], views: RowMapping | None
) -> TaskFeatures | None:
    if not embeddings:
        return None
    own, *others = embeddings
    return TaskFeatures.read(
        workspace.path(own["features"]),
        None if views is None else workspace.path(views["folder"]),
        [] if views is None else view_names(views["weak"], views["strong"]),
        name=own["encoder"],
        beside=[_plain(workspace, each) for each in others],
    )
