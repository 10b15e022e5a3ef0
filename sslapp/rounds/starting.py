"""The beginning of a round: its row and the event that says what it was asked for."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from sslapp.jobs import queue
from sslapp.store import rounds
from sslapp.store.log import events
from sslapp.store.snapshots import SnapshotRow
from sslapp.vocabulary import EventKind


def add_round(  # noqa: PLR0917
    conn: Connection,
    snapshot: SnapshotRow,
    job_id: int,
    reader_id: int,
    asked: Mapping[str, Any],
    using: Mapping[str, Any],
    beside: Mapping[str, Any],
) -> int:
    """Add a round on a snapshot, for a job of kind `round` that waits, and return its number.

    Args:
        conn: the write transaction in which the job was queued.
        snapshot: what it is trained on, or says something of.
        job_id: the job.
        reader_id: who started it.
        asked: its method, gear, config and seed.
        using: further columns of its row.
        beside: what the event says besides.
    """
    project_id = snapshot.project_id
    number = 1 + rounds.newest_number(conn, project_id)
    about = {"project_id": project_id, "number": number, "snapshot_id": snapshot.id}
    round_id = rounds.add_round(conn, {**about, "job_id": job_id, **asked, **using})
    queue.set_params(conn, job_id, {"round_id": round_id})
    events.append(
        conn,
        project_id,
        EventKind.ROUND_START,
        key=f"round-{round_id}-start",
        reader_id=reader_id,
        round_id=round_id,
        payload={"snapshot": snapshot.hash, **asked, **beside},
    )
    return number
