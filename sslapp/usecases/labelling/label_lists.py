"""Labels from a file."""

from pathlib import Path

from sqlalchemy import select

from sslapp.datasets.labels_csv import parse_labels
from sslapp.store import projects
from sslapp.store.database import reading
from sslapp.store.schema import image
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.labelling.decisions import label_many

SHOWN_ERRORS = 10


def label_from_csv(access: Access, project: str | int | None, path: Path) -> int:
    """Record all labels of a CSV file, or none; its columns are those of `parse_labels`.

    Raises:
        ValueError: listing every wrong line and its mend.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        rows = conn.execute(
            select(image.c.name, image.c.sha256)
            .where(image.c.project_id == project_id)
            .order_by(image.c.position)
        ).all()
        found = parse_labels(
            path.read_bytes(),
            path.name,
            names=[row.name for row in rows],
            hashes=[row.sha256 for row in rows],
            class_names=[each.name for each in projects.classes(conn, project_id)],
        )
    if found.errors:
        more = len(found.errors) - SHOWN_ERRORS
        tail = [f"... and {more} more."] if more > 0 else []
        raise ValueError("\n".join(["No label was saved.", *found.errors[:SHOWN_ERRORS], *tail]))
    pairs = [(row.position, row.class_name) for row in found.rows]
    return label_many(access, project_id, pairs, origin=path.name)
