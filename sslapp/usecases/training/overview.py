"""What the overview page shows of a project: its embedding map and its rounds."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, RowMapping, select

from sslapp import durable
from sslapp.store import projects, readers
from sslapp.store.database import reading
from sslapp.store.projects import ProjectRow
from sslapp.store.schema import embedding, job, round_, snapshot
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, require
from sslapp.usecases.images.embeddings import latest_embedding
from sslapp.vocabulary import JobState

MAP_POINTS = 50_000
"""Points that a browser draws and moves smoothly; beyond it, a sample of the unlabelled ones."""


def known_projects(access: Access) -> list[ProjectRow]:
    """The projects the reader is a member of, in order of creation."""
    with reading(access.engine) as conn:
        rows = projects.list_projects(conn)
        return [row for row in rows if readers.role_of(conn, row.id, access.reader_id) is not None]


@dataclass(frozen=True, kw_only=True)
class RoundLine:
    """One line of the table of rounds.

    Attributes:
        accuracy: share of the holdout it got right; None without a holdout or before its end.
        holdout: how many images it was measured on.
        seconds: how long it took, if it ended.
    """

    number: int
    state: JobState
    method: str
    gear: str
    seed: int
    snapshot: str
    labelled: int
    holdout: int
    accuracy: float | None
    ece_before: float | None
    ece_after: float | None
    calibrated: bool
    seconds: float | None


def round_lines(access: Access, project_id: int) -> list[RoundLine]:
    """Every round of the project, newest first."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        return read_lines(conn, project_id)


def read_lines(conn: Connection, project_id: int) -> list[RoundLine]:
    """Every round of the project, newest first, in an open transaction."""
    query = (
        select(
            round_,
            snapshot.c.hash,
            snapshot.c.counts,
            job.c.state,
            job.c.started_at,
            job.c.finished_at,
        )
        .join(job, job.c.id == round_.c.job_id)
        .join(snapshot, snapshot.c.id == round_.c.snapshot_id)
        .where(round_.c.project_id == project_id)
        .order_by(round_.c.number.desc())
    )
    return [_line(row) for row in conn.execute(query).mappings()]


def _line(row: RowMapping) -> RoundLine:
    metrics = row["metrics"] or {}
    return RoundLine(
        number=row["number"],
        state=JobState(row["state"]),
        method=row["method"],
        gear=row["gear"],
        seed=row["seed"],
        snapshot=row["hash"],
        labelled=row["counts"]["labelled"],
        holdout=metrics.get("holdout", 0),
        accuracy=metrics.get("holdout_accuracy"),
        ece_before=metrics.get("ece_before"),
        ece_after=metrics.get("ece_after"),
        calibrated=metrics.get("calibrated", False),
        seconds=metrics.get("seconds", _between(row["started_at"], row["finished_at"])),
    )


def _between(started: datetime | None, finished: datetime | None) -> float | None:
    if started is None or finished is None or finished < started:
        return None
    return (finished - started).total_seconds()


@dataclass(frozen=True, eq=False)
class Map:
    """The points of the embedding map, unlabelled ones first so that labels are drawn on top.

    Attributes:
        xy: (n, 2) float32.
        columns: (n,) int16, the current label's column, -1 for none.
        left_out: unlabelled images that are not among the points, to keep the map quick.
        not_embedded: images newer than the embedding.
        encoder: whose features were projected.
    """

    xy: NDArray[np.float32]
    columns: NDArray[np.int16]
    left_out: int
    not_embedded: int
    encoder: str


def embedding_id(access: Access, project_id: int) -> int | None:
    """The id of the newest embedding; with the event number it says which map is current."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        row = latest_embedding(conn, project_id)
        return None if row is None else row["id"]


def read_map(access: Access, project_id: int, embedding_id: int) -> Map:
    """The map of an embedding under the current labels."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        mine = (embedding.c.id == embedding_id) & (embedding.c.project_id == project_id)
        row = conn.execute(select(embedding).where(mine)).mappings().one()
        labels = load_state(conn, project_id).labels
    xy = durable.read_array(access.workspace.path(row["projection"]))
    count = min(len(xy), len(labels))
    bare = np.flatnonzero(labels[:count] < 0)
    labelled = np.flatnonzero(labels[:count] >= 0)
    room = max(MAP_POINTS - len(labelled), 0)
    shown = bare
    if len(bare) > room:
        shown = np.sort(np.random.default_rng(0).choice(bare, room, replace=False))
    order = np.concatenate([shown, labelled])
    return Map(
        xy=np.asarray(xy[order], dtype=np.float32),
        columns=labels[order].astype(np.int16),
        left_out=len(bare) - len(shown),
        not_embedded=len(labels) - count,
        encoder=row["encoder"],
    )
