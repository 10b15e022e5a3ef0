"""Embed a project's images with a frozen encoder, as a job."""

from typing import Any

import numpy as np
from sqlalchemy import Connection, RowMapping, insert, select

from sslapp import durable
from sslapp.imaging.pixels import PixelStore
from sslapp.jobs import queue
from sslapp.jobs.context import Cancelled, JobContext
from sslapp.store import images
from sslapp.store.database import reading, writing
from sslapp.store.schema import embedding
from sslapp.usecases.access import Access, find_project, require
from sslapp.vocabulary import JobKind, Role

DEFAULT_ENCODER = "pixels"


def embed(
    access: Access, project: str | int | None, encoder: str = DEFAULT_ENCODER, seed: int = 0
) -> int:
    """Queue the embedding of all images and return the job's id."""
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.READER)
        params = {"encoder": encoder, "seed": seed}
        return queue.enqueue(conn, project_id, JobKind.EMBED, params, access.reader_id)


def run_embed(context: JobContext) -> None:
    """Handle a job of kind `embed`: features, their projection, and one row that names them."""
    from sslapp.embedding.encoders import EncodingStopped, open_encoder
    from sslapp.embedding.projection import pca_projection

    project_id, params = context.claim.project_id, context.claim.params
    with reading(context.engine) as conn:
        sets = images.image_sets(conn, project_id)
        is_test = images.splits(conn, project_id)
    if not sets:
        raise ValueError("This project has no images yet. Import some first.")
    pixels = PixelStore([context.workspace.path(each.pixels) for each in sets])
    own = context.workspace.weights / f"{params['encoder']}.safetensors"
    encoder = open_encoder(params["encoder"], own if own.exists() else None)
    try:
        features = encoder.encode(
            pixels,
            np.flatnonzero(~is_test),
            seed=params["seed"],
            progress=lambda step, total: context.progress(step, total, "embedding"),
            should_stop=context.should_stop,
        )
    except EncodingStopped:
        raise Cancelled from None
    context.check()
    files = {"features": features, "projection": pca_projection(features, params["seed"])}
    for name, array in files.items():
        durable.write_array(context.folder / f"{name}.npy", array)
    result: dict[str, Any] = {"encoder": params["encoder"], "shape": list(features.shape)}
    with context.finishing(result) as conn:
        values = {
            "project_id": project_id,
            "encoder": params["encoder"],
            "count": features.shape[0],
            "dim": features.shape[1],
            **{name: context.workspace.relative(context.folder / f"{name}.npy") for name in files},
            "created_at": queue.now(),
        }
        conn.execute(insert(embedding).values(values))


def latest_embedding(
    conn: Connection, project_id: int, encoder: str | None = None
) -> RowMapping | None:
    """The newest embedding of the project, of a certain encoder if named."""
    query = select(embedding).where(embedding.c.project_id == project_id)
    if encoder is not None:
        query = query.where(embedding.c.encoder == encoder)
    return conn.execute(query.order_by(embedding.c.id.desc()).limit(1)).mappings().first()
