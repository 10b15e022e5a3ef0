"""Check a project's history, and the files that it vouches for."""

import json
from dataclasses import replace

from sqlalchemy import Connection, select

from sslapp import durable
from sslapp.store.database import reading
from sslapp.store.errors import Damaged
from sslapp.store.schema import event, round_, snapshot
from sslapp.store.snapshots import find_snapshot, load
from sslapp.store.verify import Verification, verify
from sslapp.usecases.access import Access, find_project
from sslapp.vocabulary import EventKind
from sslapp.workspace import Workspace


def verify_project(access: Access, project: str | int | None) -> Verification:
    """Walk the event chain, replay it, compare with the derived tables, then check the files.

    Files are the snapshots and the rounds' predictions, whose hashes stand in the log.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = verify(conn, project_id)
        if not found.ok:
            return found
        problem = damaged_file(conn, access.workspace, project_id)
    return found if problem is None else replace(found, ok=False, problem=problem)


def damaged_file(conn: Connection, workspace: Workspace, project_id: int) -> str | None:
    """The first file that is not what was recorded, or None."""
    ids = select(snapshot.c.id).where(snapshot.c.project_id == project_id).order_by(snapshot.c.id)
    for snapshot_id in conn.execute(ids).scalars().all():
        try:
            load(workspace, find_snapshot(conn, snapshot_id))
        except Damaged as error:
            return str(error)
    done = (
        select(event.c.payload, round_.c.number, round_.c.probabilities)
        .join(round_, round_.c.id == event.c.round_id)
        .where(event.c.project_id == project_id, event.c.kind == EventKind.ROUND_DONE)
        .order_by(event.c.number)
    )
    for payload, number, stored in conn.execute(done):
        path = workspace.path(stored)
        recorded = json.loads(payload)["probabilities_sha256"]
        if not path.exists() or durable.sha256(path) != recorded:
            return f"{path}: round {number}'s predictions are missing or not those it ended with."
    return None
