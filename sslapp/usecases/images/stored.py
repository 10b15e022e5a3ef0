"""The arrays of a project's images: the training store, and what was imported without originals."""

from sqlalchemy import Connection

from sslapp.imaging.pixels import ImportedPixels, PixelStore
from sslapp.store import images
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
    return ImportedPixels([workspace.path(each.imported) for each in sets])
