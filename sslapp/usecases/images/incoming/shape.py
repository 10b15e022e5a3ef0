"""How a project's images are stored for training, which its first import decides."""

from dataclasses import dataclass

from sqlalchemy import Connection

from sslapp.imaging.intensities import IntensityMapping
from sslapp.rounds.project_pixels import mapping_of, training_store
from sslapp.store import images, projects
from sslapp.vocabulary import Aspect, ImageOf
from sslapp.words import count
from sslapp.workspace import Workspace


@dataclass(frozen=True)
class Shape:
    """How a project's images are stored; side and channels are None for the images' own."""

    size: int | None
    channels: int | None
    aspect: Aspect
    intensities: IntensityMapping
    is_first: bool


def shape_of(conn: Connection, workspace: Workspace, project_id: int) -> Shape:
    """As the project's images are: the first import decides what its settings leave open."""
    settings = projects.find_project(conn, project_id).settings
    found = (settings.aspect, mapping_of(settings))
    if images.image_count(conn, project_id):
        _, side, _, channels = training_store(conn, workspace, project_id).shape
        return Shape(side, channels, *found, is_first=False)
    return Shape(settings.image_size, 1 if settings.grey else None, *found, is_first=True)


def kept_of_dicom(conn: Connection, project_id: int) -> ImageOf | None:
    """What of DICOM files the project's images are; None before any came."""
    return projects.find_project(conn, project_id).settings.image_of


def what_differs(images_: int, larger: int, coloured: int, *, side: int, channels: int) -> str:
    """What becomes of images that differ from those that a project holds already; "" for none.

    Args:
        images_: how many come.
        larger: of these, larger than the training store's images.
        coloured: of these, in colour where the store is grey.
        side, channels: of the training store.
    """
    said = [f"larger {larger:,}"] * bool(larger) + [f"in colour {coloured:,}"] * bool(coloured)
    if not said:
        return ""
    kind = "grey pixels" if channels == 1 else "pixels"
    return (
        f"Networks train on {side} x {side} {kind}, as the project's first import decided; of "
        f"{count(images_, 'image')} {', '.join(said)}. Readers and encoders see them whole. To "
        "train on more, make the training store again (sslapp pixels)."
    )
