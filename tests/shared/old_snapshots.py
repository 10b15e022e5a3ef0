"""Snapshots as earlier versions hashed them: the number of the last event, then the arrays."""

import hashlib
import json
from dataclasses import replace

import numpy as np
from sqlalchemy import Connection

from sslapp.store.integrity import seals
from sslapp.store.schema import snapshot
from sslapp.store.snapshots import SnapshotRow
from sslapp.workspace import Workspace

ARRAYS = ("class_ids", "labels", "source", "forbidden", "holdout", "is_test")


def as_an_earlier_version_stored_it(
    conn: Connection, workspace: Workspace, row: SnapshotRow
) -> SnapshotRow:
    """Turn a stored snapshot into one of an earlier version; return its row."""

    def told(value: object) -> bytes:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    with np.load(workspace.path(row.path)) as file:
        digest = hashlib.sha256(told({"event_number": int(file["event_number"])}))
        for name in ARRAYS:
            array = file[name]
            digest.update(told([name, array.dtype.str, array.shape]))
            digest.update(array.tobytes())
    old = replace(row, hash=digest.hexdigest())
    seals.update(conn, snapshot, [snapshot.c.id == row.id], {"hash": old.hash})
    return old
