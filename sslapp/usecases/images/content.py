"""The picture file of an image: what an export or a worksheet hands out."""

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.imaging.originals import original_path
from sslapp.imaging.pixels import PixelStore
from sslapp.imaging.thumbnails import png_bytes
from sslapp.store import images
from sslapp.workspace import Workspace


class Content:
    """The original as it came, or a PNG of a row of an array.

    Args:
        positions: (n,) int64, the images that will be asked for.
        side: length in pixels that PNGs are scaled to; None keeps the row's own.
    """

    def __init__(
        self,
        conn: Connection,
        workspace: Workspace,
        project_id: int,
        positions: NDArray[np.int64],
        side: int | None = None,
    ) -> None:
        rows = images.image_rows(conn, project_id, positions)
        self._originals = {row.position: row.original for row in rows}
        self._folder = workspace.project(project_id) / "originals"
        sets = images.image_sets(conn, project_id)
        self._pixels = PixelStore([workspace.path(each.pixels) for each in sets])
        self._side = side

    def __call__(self, position: int) -> bytes:
        """The file's bytes."""
        original = self._originals[position]
        if original is not None:
            return original_path(self._folder, original).read_bytes()
        return png_bytes(self._pixels.take(np.array([position]))[0], self._side)
