"""A folder of pictures with a list to fill in, for labelling without a browser."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sslapp import durable
from sslapp.datasets.cells import escape_cell
from sslapp.imaging.decode import suffix
from sslapp.store.database import reading
from sslapp.store.images import image_rows
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.images.pictures import PictureFiles

SHOWN_SIDE = 256
"""Side in pixels to which pictures of small arrays are enlarged."""


def write_worksheet(
    access: Access, project: str | int | None, positions: Sequence[int], folder: Path
) -> None:
    """Write <position>.<type> for each image, and labels.csv with an empty class for each.

    The list has name and hash of every image besides, so that it labels no other one elsewhere.

    Files that came as files are copied as they are. `label_from_csv` reads the filled-in list.

    Raises:
        FileExistsError: when the folder exists, because its list may be filled in already.
    """
    folder.mkdir(parents=True)
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        there = image_rows(conn, project_id, positions)
        content = PictureFiles(
            conn, access.workspace, project_id, np.array(positions, dtype=np.int64), SHOWN_SIDE
        )
    for position in positions:
        picture = content(position)
        durable.write_bytes(folder / f"{position}{suffix(picture)}", picture)
    rows = io.StringIO()
    writer = csv.writer(rows)
    writer.writerow(["position", "class", "name", "sha256"])
    writer.writerows([each.position, "", escape_cell(each.name), each.sha256] for each in there)
    durable.write_bytes(folder / "labels.csv", rows.getvalue().encode())
