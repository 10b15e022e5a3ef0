"""Which projection the embedding map shows: principal components at once, or UMAP by a job.

The newest row of `embedding` is what every page draws. So another projection of the same features
is another row, and choosing one that was made before adds its row once more: a map is drawn anew
wherever an embedding's id says which map it is, and nothing that was ever shown is changed.
"""

from pathlib import Path

from sqlalchemy import Connection, RowMapping

from sslapp import durable
from sslapp.embedding.umap_projection import LEAST_IMAGES, umap_projection
from sslapp.jobs import history, queue
from sslapp.jobs.context import JobContext
from sslapp.store import embeddings
from sslapp.store.database import reading, writing
from sslapp.store.embeddings import latest_embedding
from sslapp.store.errors import Refused
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.images.encoder_jobs import WORK, EncoderWork, work_of
from sslapp.vocabulary import JobKind, Projection, Role

UMAP_FILE = "umap.npy"


def projection_of(access: Access, project: str | int | None) -> Projection | None:
    """Which projection the project's map shows; None before anything is embedded."""
    with reading(access.engine) as conn:
        row = latest_embedding(conn, find_project(conn, access, project))
    return None if row is None else _kind(row)


def show_projection(
    access: Access, project: str | int | None, wanted: Projection, seed: int = 0
) -> int | None:
    """Let the map show a projection of the newest embedding.

    Returns:
        The id of the job that makes it, or None when it was made before and shows now.

    Raises:
        Refused: when nothing is embedded, it shows already or is being made, or there are too few
            images.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.READER)
        row = latest_embedding(conn, project_id)
        if row is None:
            raise Refused("Nothing is embedded yet. Embed the images first.")
        if _kind(row) is wanted:
            raise Refused(f"The map shows {wanted.upper()} already.")
        made = _made(conn, row, wanted)
        if made is not None:
            embeddings.show_projection(conn, row, made["projection"])
            return None
        if row["count"] < LEAST_IMAGES:
            raise Refused(
                f"A UMAP map needs at least {LEAST_IMAGES} images; {row['count']} are embedded. "
                "The PCA map shows them."
            )
        if (busy := _being_made(conn, row)) is not None:
            raise Refused(f"The UMAP map is being made already, by job {busy}.")
        params = {
            WORK: EncoderWork.PROJECTION,
            "encoder": row["encoder"],
            "seed": seed,
            "projection": wanted,
            "features": row["features"],
        }
        return queue.enqueue(conn, project_id, JobKind.EMBED, params, access.reader_id)


def run_projection(context: JobContext) -> None:
    """Handle a job of kind `embed` that names a projection: its file, and one row with it."""
    params, workspace = context.claim.params, context.workspace
    features = durable.read_array(workspace.path(params["features"]))

    def stage(step: int, total: int, message: str) -> None:
        # written at once: what follows may take minutes without a word
        context.progress(step, total, message, also=lambda _: None)
        context.check()

    path = context.folder / UMAP_FILE
    durable.write_array(path, umap_projection(features, params["seed"], stage))
    with context.finishing({"projection": params["projection"], "images": len(features)}) as conn:
        row = latest_embedding(conn, context.claim.project_id)
        if row is None or row["features"] != params["features"]:
            raise Refused(
                "The images were embedded again while the map was made. Make the map of the new "
                "embedding."
            )
        embeddings.show_projection(conn, row, workspace.relative(path))


def _kind(row: RowMapping) -> Projection:
    return Projection.UMAP if Path(row["projection"]).name == UMAP_FILE else Projection.PCA


def _made(conn: Connection, row: RowMapping, wanted: Projection) -> RowMapping | None:
    """The newest row of the same features with that projection."""
    rows = embeddings.maps_of(conn, row)
    return next((each for each in rows if _kind(each) is wanted), None)


def _being_made(conn: Connection, row: RowMapping) -> int | None:
    jobs = history.under_way(conn, JobKind.EMBED, row["project_id"])
    return next((each["id"] for each in jobs if _is_of(each["params"], row)), None)


def _is_of(params: dict[str, str], row: RowMapping) -> bool:
    return work_of(params) is EncoderWork.PROJECTION and params["features"] == row["features"]


def shown_embedding_id(access: Access, project_id: int) -> int | None:
    """The id of the newest embedding; with the event number it says which map pages draw."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        row = latest_embedding(conn, project_id)
        return None if row is None else row["id"]
