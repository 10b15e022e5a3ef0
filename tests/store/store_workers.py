"""What the other processes of a test do; a module of its own so that they start quickly."""

import os

from sslapp.store.database import open_database, writing
from sslapp.store.errors import Unknown
from sslapp.store.log.events import append
from sslapp.store.projects import ProjectSettings, create_project, find_project
from sslapp.vocabulary import EventKind


def write(url: str, start: object, name: str, count: int) -> None:
    """Open the database, which may not exist yet, and append `count` events to "shared"."""
    start.wait()  # type: ignore[attr-defined]
    engine = open_database(url)
    with writing(engine) as conn:
        try:
            project_id = find_project(conn, "shared").id
        except Unknown:
            project_id = create_project(conn, "shared", ProjectSettings())
    for i in range(count):
        with writing(engine, project_id) as conn:
            append(conn, project_id, EventKind.EXPORT, key=f"{name}-{i}", payload={"i": i})


def die_inside(url: str, project_id: int) -> None:
    """Commit one event, then end without warning inside the next transaction."""
    engine = open_database(url)
    with writing(engine, project_id) as conn:
        append(conn, project_id, EventKind.EXPORT, key="kept")
    with writing(engine, project_id) as conn:
        append(conn, project_id, EventKind.EXPORT, key="lost")
        os._exit(9)
