"""What a job of kind `embed` does with an encoder, as its parameters say, and what it reads."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from sslapp.embedding.encoder import Encoder, PixelSource
from sslapp.imaging.original_pixels import OriginalPixels
from sslapp.imaging.pixels import PixelStore
from sslapp.store import images
from sslapp.workspace import Workspace

WORK = "work"
"""Name of the parameter."""


class EncoderWork(StrEnum):
    """The three works of the lane that encoders run in."""

    FEATURES = "features"
    VIEWS = "views"
    PROJECTION = "projection"


def work_of(params: Mapping[str, Any]) -> EncoderWork:
    """What a job does.

    A job that a version before this parameter queued has the parameter that only its work needs,
    named like the work.
    """
    if WORK in params:
        return EncoderWork(params[WORK])
    own = (EncoderWork.VIEWS, EncoderWork.PROJECTION)
    return next((each for each in own if each in params), EncoderWork.FEATURES)


def pixels_for(
    conn: Connection, workspace: Workspace, project_id: int, encoder: Encoder
) -> PixelSource:
    """The images as an encoder reads them best: from the originals, at its own size.

    Arrays that the project's pixels hold whole are read from there.
    """
    sets = images.image_sets(conn, project_id)
    stored = PixelStore([workspace.path(each.pixels) for each in sets])
    names = images.original_of_each(conn, project_id)
    if encoder.side is None or not any(names):
        return stored
    return OriginalPixels(workspace.project(project_id) / "originals", names, stored, encoder.side)
