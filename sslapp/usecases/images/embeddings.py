"""Embed a project's images with a frozen encoder, as a job."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection

from sslapp import durable
from sslapp.embedding.encoders import ENCODERS, EncoderChoice, available
from sslapp.imaging.pixels import PixelStore
from sslapp.jobs import queue
from sslapp.jobs.context import Cancelled, JobContext
from sslapp.store import images
from sslapp.store.database import reading, writing
from sslapp.store.embeddings import add_embedding, latest_embedding
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.images.encoder_jobs import WORK, EncoderWork
from sslapp.vocabulary import JobKind, Role
from sslapp.workspace import Workspace

DEFAULT_ENCODER = "pixels"
FOR_PHOTOGRAPHS = "efficientnet-lite0"
RATE = "images_per_second"
"""Key of a job's result: how fast its encoder was, by which the next job's cost is told."""

PHOTOGRAPH = 96
"""Side from which on images are embedded as photographs unless the reader says otherwise."""


def embed(
    access: Access, project: str | int | None, encoder: str = DEFAULT_ENCODER, seed: int = 0
) -> int:
    """Queue the embedding of all images and return the job's id.

    Raises:
        ValueError: when there is no such encoder here.
    """
    check_encoder(access, encoder)
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.READER)
        return queue_embed(conn, access, project_id, encoder, seed)


def check_encoder(access: Access, encoder: str) -> None:
    """Check that images can be embedded with this encoder here.

    Raises:
        ValueError: when not, naming those there are.
    """
    there = available(access.workspace.weights)
    if encoder not in there:
        raise ValueError(f'The encoder "{encoder}" is not there. Choose one of {", ".join(there)}.')


def queue_embed(
    conn: Connection, access: Access, project_id: int, encoder: str, seed: int = 0
) -> int:
    """Queue an embedding in an open transaction, for whoever checked that it is allowed."""
    params = {WORK: EncoderWork.FEATURES, "encoder": encoder, "seed": seed}
    return queue.enqueue(conn, project_id, JobKind.EMBED, params, access.reader_id)


def encoders_here(access: Access) -> dict[str, EncoderChoice]:
    """The encoders that can be chosen here, by name, in the order in which a page offers them."""
    return {name: ENCODERS[name] for name in available(access.workspace.weights)}


def encoder_title(encoder: str) -> str:
    """How a page calls an encoder; its name for one that the program no longer has."""
    return ENCODERS[encoder].title if encoder in ENCODERS else encoder


def learned(encoders: Sequence[str]) -> list[str]:
    """Those of the encoders that have learned from many images; all, where none has.

    An ensemble averages over these: of photographs the pixels themselves tell so little that on few
    labels they would pull it down.
    """
    return [each for each in encoders if each != DEFAULT_ENCODER] or list(encoders)


def encoder_for(image_size: int | None, workspace: Workspace) -> str:
    """The encoder to begin with: what an encoder of photographs sees needs some pixels."""
    large = image_size is not None and image_size >= PHOTOGRAPH
    return (
        FOR_PHOTOGRAPHS
        if large and FOR_PHOTOGRAPHS in available(workspace.weights)
        else (DEFAULT_ENCODER)
    )


def run_embed(context: JobContext) -> None:
    """Handle a job of kind `embed`: features, their projection, and one row that names them."""
    from sslapp.embedding.encoder import EncodingStopped, encode
    from sslapp.embedding.encoders import open_encoder
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
    started = time.monotonic()
    try:
        features = encode(
            encoder,
            pixels,
            np.flatnonzero(~is_test),
            seed=params["seed"],
            progress=lambda step, total: context.progress(step, total, "embedding"),
            should_stop=context.should_stop,
        )
    except EncodingStopped:
        raise Cancelled from None
    rate = len(features) / (time.monotonic() - started)
    context.check()
    files = {"features": features, "projection": pca_projection(features, params["seed"])}
    for name, array in files.items():
        durable.write_array(context.folder / f"{name}.npy", array)
    result: dict[str, Any] = {
        "encoder": params["encoder"],
        "shape": list(features.shape),
        RATE: rate,
    }
    with context.finishing(result) as conn:
        paths = {name: context.workspace.relative(context.folder / f"{name}.npy") for name in files}
        add_embedding(conn, project_id, encoder=params["encoder"], shape=features.shape, **paths)


@dataclass(frozen=True)
class EmbeddingState:
    """An embedding as a page tells of it; it covers the first `count` images."""

    id: int
    encoder: str
    count: int
    dim: int
    created_at: datetime


def newest_embedding(access: Access, project_id: int) -> EmbeddingState | None:
    """The project's newest embedding, or None."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        row = latest_embedding(conn, project_id)
    names = (each.name for each in fields(EmbeddingState))
    return None if row is None else EmbeddingState(**{name: row[name] for name in names})
