"""Pictures of what the method under way sees: the same few images in each of its views."""

from dataclasses import dataclass

import numpy as np

from sslapp.imaging.thumbnails import png_bytes, sheet
from sslapp.jobs import queue
from sslapp.rounds import pictures
from sslapp.store.database import reading
from sslapp.usecases.access import Access, require

SIDE = 56
"""Pixels of a picture."""


@dataclass(frozen=True, eq=False)
class ShownViews:
    """A strip of pictures for each view.

    Attributes:
        step, total: of the training, when they were made.
        strips: what the pictures are, and their PNG; the images themselves first.
    """

    step: int
    total: int
    strips: list[tuple[str, bytes]]


def shown_views(access: Access, job_id: int) -> ShownViews | None:
    """What the newest attempt of a round's job that showed anything has shown last, or None."""
    with reading(access.engine) as conn:
        job = queue.read_job(conn, job_id)
        require(conn, access, job["project_id"])
    for attempt in range(job["attempt"], 0, -1):
        found = pictures.read(access.workspace.attempt(job["folder"], attempt))
        if found is not None:
            return ShownViews(
                found.step,
                found.total,
                [(name, _strip(images)) for name, images in found.views.items()],
            )
    return None


def _strip(images: np.ndarray) -> bytes:
    """(n, S, S, 1 or 3) uint8 -> a PNG of them side by side."""
    return sheet([[png_bytes(each) for each in images]], SIDE, apart=False)
