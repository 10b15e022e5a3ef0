"""Labelling without a browser: a folder of pictures with a list to fill in, and filled-in lists."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from sslapp import durable
from sslapp.datasets.own_exports import own_table
from sslapp.datasets.tables.cells import escape_cell
from sslapp.datasets.tables.label_list import LabelRow, read_labels
from sslapp.datasets.tables.reading import open_table
from sslapp.imaging.decode import suffix
from sslapp.store import projects
from sslapp.store.database import reading
from sslapp.store.images import image_rows, names_and_hashes
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.images.own_labels.recording import import_labels
from sslapp.usecases.images.pictures import PictureFiles
from sslapp.usecases.labelling.decisions import label_many

SHOWN_SIDE = 256
"""Side in pixels to which pictures of small arrays are enlarged."""

SHOWN_ERRORS = 10


def write_worksheet(
    access: Access, project: str | int | None, positions: Sequence[int], folder: Path
) -> None:
    """Write <position>.<type> for each image, and labels.csv with an empty class for each.

    The list has name and hash of every image besides, so that it labels no other one elsewhere.

    The pictures are those that the Label page shows, whatever viewer opens them. `label_from_csv`
    reads the filled-in list.

    Raises:
        FileExistsError: when the folder exists, because its list may be filled in already.
    """
    folder.mkdir(parents=True)
    with reading(access.engine) as conn:
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


def label_from_csv(access: Access, project: str | int | None, path: Path) -> int:
    """Record all labels of a CSV file, or none; its columns are those of `read_labels`.

    An export of this program, with its manifest beside it, keeps who gave each label and how; the
    labels of any other list are the reader's own.

    Raises:
        ValueError: listing every wrong line and its mend.
    """
    if own_table(path) is not None:
        done = import_labels(access, project, path, whole=True)
        return sum(done.labels.values()) + done.none_of_these
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        rows = rows_of_list(conn, project_id, path, path.name)
    pairs = [(row.position, row.class_name) for row in rows]
    return label_many(access, project_id, pairs, origin=path.name)


def rows_of_list(conn: Connection, project_id: int, path: Path, name: str) -> list[LabelRow]:
    """All labels of a CSV file that is no export; its columns are those of `read_labels`.

    Args:
        name: what messages call it.

    Raises:
        ValueError: listing every wrong line and its mend.
    """
    names, hashes = names_and_hashes(conn, project_id)
    found = read_labels(
        open_table(path, name),
        names=names,
        hashes=hashes,
        class_names=[each.name for each in projects.classes(conn, project_id)],
    )
    if found.errors:
        more = len(found.errors) + found.further - SHOWN_ERRORS
        tail = [f"... and {more} more."] if more > 0 else []
        raise ValueError("\n".join(["No label was saved.", *found.errors[:SHOWN_ERRORS], *tail]))
    return found.rows


def is_own(path: Path) -> bool:
    """Whether a list is an export of this program, with its manifest beside it."""
    return own_table(path) is not None
