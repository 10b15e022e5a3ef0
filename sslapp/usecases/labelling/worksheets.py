"""Labelling without a browser: a folder of pictures with a list to fill in, and filled-in lists."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sslapp import durable
from sslapp.datasets.own_exports import own_table
from sslapp.datasets.tables.cells import escape_cell
from sslapp.imaging.decode import suffix
from sslapp.store.database import reading as reading_of
from sslapp.store.images import image_rows
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.images.own_labels.recording import import_labels
from sslapp.usecases.images.pictures import PictureFiles
from sslapp.usecases.labelling.label_lists import ListReading, import_list

SHOWN_SIDE = 256
"""Side in pixels to which pictures of small arrays are enlarged."""


def write_worksheet(
    access: Access, project: str | int | None, positions: Sequence[int], folder: Path
) -> None:
    """Write <position>.<type> for each image, and labels.csv with an empty class for each.

    The list has name and hash of every image besides, so that it labels no other one elsewhere.

    The pictures are those that the Label page shows, whatever viewer opens them. `label_from_list`
    reads the filled-in list.

    Raises:
        FileExistsError: when the folder exists, because its list may be filled in already.
    """
    folder.mkdir(parents=True)
    with reading_of(access.engine) as conn:
        project_id = find_project(conn, access, project)
        there = image_rows(conn, project_id, positions)
        content = PictureFiles(
            *(conn, access.workspace, project_id, np.array(positions, dtype=np.int64), SHOWN_SIDE),
            as_shown=True,
        )
    for position in positions:
        picture = content(position)
        durable.write_bytes(folder / f"{position}{suffix(picture)}", picture)
    rows = io.StringIO()
    writer = csv.writer(rows)
    writer.writerow(["position", "class", "name", "sha256"])
    writer.writerows([each.position, "", escape_cell(each.name), each.sha256] for each in there)
    durable.write_bytes(folder / "labels.csv", rows.getvalue().encode())


def label_from_list(
    access: Access,
    project: str | int | None,
    path: Path,
    reading: ListReading | None = None,
    *,
    given_by: str | None = None,
) -> int:
    """Record all labels of a list, or none.

    An export of this program, with its manifest beside it, keeps who gave each label and how; the
    labels of any other list are the reader's own, or those of another whom an admin names.

    Args:
        reading: how a list that is no export is read.
        given_by: as for `label_lists.plan_list`.

    Raises:
        ValueError: listing every wrong line and its mend.
        NotAllowed: when they are another reader's and who asks is no admin.
    """
    if own_table(path) is not None:
        done = import_labels(access, project, path, whole=True)
        return sum(done.labels.values()) + done.none_of_these
    return import_list(
        access, project, path, path.name, reading or ListReading(), given_by=given_by
    )


def is_own(path: Path) -> bool:
    """Whether a list is an export of this program, with its manifest beside it."""
    return own_table(path) is not None
