"""A project's images as arrays: the training store, what was imported without originals, and
originals at any size; for rounds, encoders and readers alike. Nothing here needs torch.
"""

from pathlib import Path

from sqlalchemy import Connection

from sslapp.imaging.bundles import glance_at
from sslapp.imaging.fit import Resample
from sslapp.imaging.intensities import IntensityMapping
from sslapp.imaging.original_pixels import OriginalPixels
from sslapp.imaging.originals import original_path
from sslapp.imaging.picture_rows import PictureRows
from sslapp.imaging.pixels import ImportedPixels, PixelStore
from sslapp.store import images, projects
from sslapp.store.projects import ProjectSettings
from sslapp.vocabulary import Aspect, Thing
from sslapp.workspace import Workspace


def training_store(conn: Connection, workspace: Workspace, project_id: int) -> PixelStore:
    """The project's images at the size that networks train on.

    Raises:
        ValueError: when it has no images.
    """
    sets = images.image_sets(conn, project_id)
    return PixelStore([workspace.path(each.pixels) for each in sets])


def imported_pixels(conn: Connection, workspace: Workspace, project_id: int) -> ImportedPixels:
    """The rows of images that have no original, as they came; those of others say nothing."""
    sets = images.image_sets(conn, project_id)
    paths = [workspace.path(each.imported) for each in sets]
    return ImportedPixels(paths, [each.count for each in sets])


def originals_at(
    conn: Connection,
    workspace: Workspace,
    project_id: int,
    side: int,
    *,
    aspect: Aspect | None = None,
    resample: Resample = "bicubic",
    pictures: PictureRows | None = None,
) -> OriginalPixels:
    """The project's images from their originals; those without one as they were imported.

    Args:
        side: pixels a side.
        aspect: how images become square; None for that of the training store.
        resample: by what they are resized.
        pictures: as of `pictures_of`; a row is then a picture.
    """
    settings = projects.find_project(conn, project_id).settings
    return OriginalPixels(
        workspace.project(project_id) / "originals",
        images.original_of_each(conn, project_id),
        imported_pixels(conn, workspace, project_id),
        side,
        channels=training_store(conn, workspace, project_id).channels,
        intensities=mapping_of(settings),
        aspect=aspect or settings.aspect,
        resample=resample,
        pictures=pictures,
    )


def pictures_of(conn: Connection, workspace: Workspace, project_id: int) -> PictureRows | None:
    """How many pictures each image is, where they are seen one by one; None where each is one.

    Slices of a stack are no such pictures: networks see what its rule makes of them.
    """
    kept = projects.find_project(conn, project_id).settings.image_of
    if kept is None or kept.thing not in (Thing.STUDY, Thing.PATIENT):
        return None
    folder = workspace.project(project_id) / "originals"
    counts = [
        1 if name is None else _pictures_in(original_path(folder, name))
        for name in images.original_of_each(conn, project_id)
    ]
    return PictureRows.of(counts) if any(each > 1 for each in counts) else None


def _pictures_in(path: Path) -> int:
    facts = glance_at(path)
    return 1 if facts is None or facts.rule is not None else facts.count


def mapping_of(settings: ProjectSettings) -> IntensityMapping:
    """How images with more than 8 bits a sample are mapped to 8, as a project's settings say."""
    return IntensityMapping(settings.intensities, settings.intensity_limits)
