"""Snapshots: the labels of one moment, frozen in a file that a round trains on.

A snapshot's hash is that of the arrays that it holds. What leaves these as they are leaves the
snapshot as it is: the colour of a class, a decision taken back, a label given once more. Snapshots
of earlier versions have the number of their last event in the hash too; they are read as they are.
"""

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, func, select

from sslapp import durable
from sslapp.store.errors import Damaged, Unknown
from sslapp.store.integrity import files, seals
from sslapp.store.integrity.canonical import canonical
from sslapp.store.label_classes import classes
from sslapp.store.log.chain import now
from sslapp.store.log.events import append
from sslapp.store.log.kinds import kinds_where
from sslapp.store.schema import event, snapshot
from sslapp.store.state import ProjectState, Standing, load_state
from sslapp.vocabulary import EventKind, Source
from sslapp.workspace import Workspace

_ARRAYS = ("class_ids", "labels", "source", "forbidden", "holdout", "is_test")
_UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What NumPy and zipfile raise on damaged archives, found by flipping every byte of one."""


@dataclass(frozen=True)
class SnapshotRow:
    """A snapshot's row.

    Attributes:
        id, project_id: its name.
        event_number: the last event that had a say in it, when it was first frozen.
        class_ids: column c of every array of a round means class_ids[c].
        counts: images, pool, labelled, validation, holdout, test, none_of_these, per source and
            per class (its name -> labels).
        hash: sha256 over the arrays.
        path: the file, relative to the workspace.
        created_at: UTC.
    """

    id: int
    project_id: int
    event_number: int
    class_ids: list[int]
    counts: dict[str, Any]
    hash: str
    path: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot(Standing):
    """A snapshot's content; `hash` is its row's."""

    hash: str


def freeze(conn: Connection, workspace: Workspace, project_id: int) -> SnapshotRow:
    """Freeze the present labels; the same labels are the same snapshot.

    Args:
        conn: a write transaction.
        workspace: where the file goes.
        project_id: the project.
    """
    state = load_state(conn, project_id)
    number = last_content(conn, project_id)
    digest = _hash(state)
    query = select(snapshot).where(snapshot.c.project_id == project_id, snapshot.c.hash == digest)
    row = conn.execute(query).one_or_none()
    if row is not None:
        return _row(row)
    path = workspace.project(project_id) / "snapshots" / f"{digest}.npz"
    durable.write_bytes(path, _pack(number, state))
    values = {
        "project_id": project_id,
        "event_number": number,
        "class_ids": state.class_ids.tolist(),
        "counts": _counts(conn, project_id, state),
        "hash": digest,
        "path": workspace.relative(path),
        "created_at": now(),
    }
    seals.insert(conn, snapshot, values)
    files.record(conn, project_id, files.describe(workspace, [path]))
    append(
        conn,
        project_id,
        EventKind.SNAPSHOT,
        key=f"snapshot:{digest[:48]}",  # as long as a key may be
        payload={"event_number": number, "sha256": digest},
    )
    return _row(conn.execute(query).one())


def find_snapshot(conn: Connection, snapshot_id: int) -> SnapshotRow:
    """The snapshot with this id.

    Raises:
        Unknown: when there is none.
    """
    row = conn.execute(select(snapshot).where(snapshot.c.id == snapshot_id)).one_or_none()
    if row is None:
        raise Unknown(f"There is no snapshot {snapshot_id}.")
    return _row(row)


def snapshot_ids(conn: Connection, project_id: int) -> list[int]:
    """Ids of the project's snapshots, oldest first."""
    ids = select(snapshot.c.id).where(snapshot.c.project_id == project_id).order_by(snapshot.c.id)
    return [*conn.execute(ids).scalars()]


def load(workspace: Workspace, row: SnapshotRow) -> Snapshot:
    """Read a snapshot's arrays.

    Raises:
        Damaged: naming the file, when it is missing, unreadable or holds something else.
    """
    path = workspace.path(row.path)
    mend = "Restore it from a backup, or start a new round: that freezes a new snapshot."
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in _ARRAYS}
            number = int(file["event_number"])
    except _UNREADABLE as error:
        raise Damaged(f"Snapshot {row.id}: {path} cannot be read ({error}). {mend}") from error
    found = Snapshot(event_number=number, hash=row.hash, **arrays)
    if number != row.event_number or row.hash not in (_hash(found), _hash(found, number)):
        raise Damaged(f"Snapshot {row.id}: {path} does not hold what was frozen. {mend}")
    return found


def last_content(conn: Connection, project_id: int) -> int:
    """Number of the newest event that can change what a snapshot holds; 0 before the first."""
    number = conn.execute(
        select(func.max(event.c.number)).where(
            event.c.project_id == project_id,
            event.c.kind.in_(kinds_where(lambda rule: rule.in_snapshot)),
        )
    ).scalar()
    return number or 0


def _hash(standing: Standing, number: int | None = None) -> str:
    """sha256 over the arrays; with an event's number, as earlier versions had it."""
    digest = hashlib.sha256()
    if number is not None:
        digest.update(canonical({"event_number": number}).encode())
    for name in _ARRAYS:
        array = getattr(standing, name)
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(canonical([name, little.dtype.str, little.shape]).encode())
        digest.update(little.tobytes())
    return digest.hexdigest()


def _pack(number: int, state: ProjectState) -> bytes:
    buffer = io.BytesIO()
    arrays = {name: getattr(state, name) for name in _ARRAYS}
    np.savez_compressed(buffer, event_number=np.int64(number), **arrays)
    return buffer.getvalue()


def _counts(conn: Connection, project_id: int, state: ProjectState) -> dict[str, Any]:
    rows = classes(conn, project_id)
    return {
        "images": len(state.labels),
        "pool": len(state.pool),
        "labelled": len(state.labelled),
        "validation": len(state.validation),
        "holdout": int(state.holdout.sum()),
        "test": int(state.is_test.sum()),
        "none_of_these": len(state.none_of_these),
        "sources": {
            source.name.lower(): int((state.source == source).sum())
            for source in Source
            if source is not Source.NONE
        },
        "classes": {row.name: int((state.labels == c).sum()) for c, row in enumerate(rows)},
    }


def _row(row: Row[Any]) -> SnapshotRow:
    return SnapshotRow(**{name: value for name, value in row._mapping.items() if name != "seal"})
