"""Which map of a round's own features is shown: principal components at once, or UMAP by a job.

A round on frozen features has none: it is shown on the map of its encoder, `images.maps`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, RowMapping

from sslapp import durable
from sslapp.embedding.umap_projection import LEAST_IMAGES, umap_projection
from sslapp.jobs import history, queue
from sslapp.jobs.context import JobContext
from sslapp.store import rounds
from sslapp.store.database import reading, writing
from sslapp.store.embeddings import Neighbourhood
from sslapp.store.errors import Refused
from sslapp.store.rounds import FinishedRound
from sslapp.usecases.access import Access, find_project, require
from sslapp.vocabulary import JobKind, Projection, Role, Space
from sslapp.workspace import Workspace


@dataclass(frozen=True)
class RoundMap:
    """The map of a round's own features.

    Attributes:
        shown: which projection.
        made: whether there is a UMAP map already.
        job_id: of the job that makes it now; None when none does.
        step, total, message: how far that is.
    """

    shown: Projection
    made: bool
    job_id: int | None = None
    step: int = 0
    total: int = 0
    message: str = ""


def map_of_round(access: Access, project: str | int | None, number: int) -> RoundMap | None:
    """The map of a finished round's own features; None where it has none.

    Raises:
        Unknown: when that round has not finished.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id)
        found = rounds.finished_round(conn, project_id, number)
        if found.features is None:
            return None
        busy = _being_made(conn, found)
    shown = Projection(found.projection or Projection.PCA)
    if busy is None:
        return RoundMap(shown, found.umap is not None)
    told = {name: busy[name] for name in ("step", "total", "message")}
    return RoundMap(shown, found.umap is not None, busy["id"], **told)


def show_map_of_round(
    access: Access, project: str | int | None, number: int, wanted: Projection, seed: int = 0
) -> int | None:
    """Let a round be shown on a projection of its own features.

    Returns:
        The id of the job that makes it, or None when it was made before and shows now.

    Raises:
        Unknown: when that round has not finished.
        Refused: when it has no features of its own, the map shows already or is being made, or
            there are too few images.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.READER)
        found = rounds.finished_round(conn, project_id, number)
        if found.features is None:
            raise Refused(
                f"Round {number} has no features of its own, so it is shown on the encoder's map. "
                f"Leave --round out to choose that one's projection."
            )
        if found.projection == wanted:
            raise Refused(f"The map of round {number} shows {wanted.upper()} already.")
        if wanted is Projection.PCA or found.umap is not None:
            rounds.change_round(conn, found.id, {"projection": wanted.value})
            return None
        images = found.snapshot.counts["images"]
        if images < LEAST_IMAGES:
            raise Refused(
                f"A UMAP map needs at least {LEAST_IMAGES} images; round {number} has {images}. "
                "The PCA map shows them."
            )
        if (busy := _being_made(conn, found)) is not None:
            raise Refused(f"The UMAP map is being made already, by job {busy['id']}.")
        params = {"round_id": found.id, "seed": seed, "features": found.features}
        return queue.enqueue(conn, project_id, JobKind.MAP, params, access.reader_id)


def run_round_map(context: JobContext) -> None:
    """Handle a job of kind `map`: lay out a round's features by UMAP, and show that map."""
    params, workspace = context.claim.params, context.workspace
    features = durable.read_array(workspace.path(params["features"]))

    def stage(step: int, total: int, message: str) -> None:
        # written at once: what follows may take minutes without a word
        context.progress(step, total, message, also=lambda _: None)
        context.check()

    path = context.folder / f"{Projection.UMAP.value}.npy"
    durable.write_array(path, umap_projection(features, params["seed"], stage))
    result = {"projection": Projection.UMAP.value, "images": len(features)}
    with context.finishing(result) as conn:
        values = {"umap": workspace.relative(path), "projection": Projection.UMAP.value}
        rounds.change_round(conn, params["round_id"], values)


def coordinates(
    workspace: Workspace, near: Neighbourhood | None, blind: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """(M, 2) float32, read-only: where a map shows the first M <= N images.

    Args:
        near: whose map; None before there is one.
        blind: (N,) bool, drawn to measure. On the map of a round's model their place would tell
            what the round takes them for, and is NaN.
    """
    if near is None:
        return np.zeros((0, 2), dtype=np.float32)
    xy = durable.read_array(workspace.path(near.projection))[: len(blind)]
    shown = xy.astype(np.float32, copy=near.space is Space.ROUND)
    if near.space is Space.ROUND:
        shown[blind[: len(shown)]] = np.nan
    shown.setflags(write=False)
    return shown


def _being_made(conn: Connection, found: FinishedRound) -> RowMapping | None:
    """The job that makes the round's UMAP map, if one waits or runs."""
    jobs = history.under_way(conn, JobKind.MAP, found.project_id)
    return next((each for each in jobs if each["params"]["round_id"] == found.id), None)
