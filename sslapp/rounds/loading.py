"""What a worker reads before anything is trained: a snapshot and the project's arrays."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, Engine, RowMapping

from sslapp.embedding.views import view_names
from sslapp.imaging.derived_pixels import derive
from sslapp.imaging.intensities import IntensityMapping
from sslapp.imaging.original_pixels import OriginalPixels
from sslapp.imaging.pixels import ImportedPixels, PixelStore
from sslapp.rounds.data import TaskFeatures, TaskPixels, build_task
from sslapp.store import images, projects
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
        originals = _Originals.of(conn, workspace, project_id) if image_size else None
    store = PixelStore([workspace.path(each) for each in paths])
    if originals is None:
        return store
    return originals.at_size(image_size, store.shape[3], report)


def pixel_segments(conn: Connection, project_id: int) -> list[str]:
    """Paths of the project's training store, relative to the workspace, by position."""
    return [each.pixels for each in images.image_sets(conn, project_id)]


@dataclass(frozen=True)
class _Originals:
    """All that images at another size are made of.

    Attributes:
        folder: the project's.
        names: of the originals, by position; None for an image that `imported` holds whole.
        imported: the rows of images without an original.
        intensities: the project's mapping of deep images.
    """

    folder: Path
    names: list[str | None]
    imported: ImportedPixels
    intensities: IntensityMapping

    @classmethod
    def of(cls, conn: Connection, workspace: Workspace, project_id: int) -> "_Originals":
        sets = images.image_sets(conn, project_id)
        settings = projects.find_project(conn, project_id).settings
        return cls(
            workspace.project(project_id),
            images.original_of_each(conn, project_id),
            ImportedPixels([workspace.path(each.imported) for each in sets]),
            IntensityMapping(settings.intensities, settings.intensity_limits),
        )

    def at_size(self, side: int, channels: int, report: Callable[[int, int], None]) -> PixelStore:
        """The images at a side, made once and kept."""
        made_of = [
            f"{self.intensities} {name or self._of_row(row)}" for row, name in enumerate(self.names)
        ]
        source = OriginalPixels(
            self.folder / "originals",
            self.names,
            self.imported,
            side,
            channels=channels,
            intensities=self.intensities,
        )
        return derive(source, made_of, self.folder / RESIZED, report=report)

    def _of_row(self, row: int) -> str:
        return hashlib.sha256(self.imported.image(row).tobytes()).hexdigest()


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
