"""Embed a project's images with a frozen encoder, as a job."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Connection

from sslapp import durable
from sslapp.embedding.encoders import (
    ENCODERS,
    OWN,
    EncoderChoice,
    available,
    find_choice,
    weights_file,
)
from sslapp.embedding.precision import Precision
from sslapp.embedding.weights.folders import by_hand, folder_of, listed
from sslapp.embedding.weights.names import is_hub_name
from sslapp.imaging.pixels import PixelStore
from sslapp.jobs import queue
from sslapp.jobs.context import Cancelled, JobContext
from sslapp.rounds.project_pixels import pictures_of
from sslapp.store import images
from sslapp.store.database import reading, writing
from sslapp.store.embeddings import add_embedding, latest_embedding, newest_of_encoders
from sslapp.store.images import ImageSetRow
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.images.encoder_jobs import (
    WORK,
    EncoderWork,
    encoder_of,
    note_precision,
    own_network,
    pixels_for,
)
from sslapp.usecases.images.encoding_time import RATE, EncodingTime, encoding_time
from sslapp.vocabulary import JobKind, Role
from sslapp.workspace import Workspace

if TYPE_CHECKING:
    from sslapp.embedding.encoder import Encoder

DEFAULT_ENCODER = "pixels"
FOR_PHOTOGRAPHS = "efficientnet-lite0"
FEATURES = "features"
PHOTOGRAPH = 33
"""Side from which on images are embedded as photographs unless the reader says otherwise."""


def embed(
    access: Access, project: str | int | None, encoder: str | None = None, seed: int = 0
) -> int:
    """Queue the embedding of all images and return the job's id.

    Args:
        access: who asks.
        project: whose images.
        encoder: None for the one to begin with.
        seed: of whatever is drawn while it is fitted.

    Raises:
        ValueError: when there is no such encoder here.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.READER)
        _check_for(conn, access, project_id, encoder)
        return queue_embed(conn, access, project_id, encoder, seed)


def first_encoder(conn: Connection, workspace: Workspace, project_id: int) -> str:
    """The encoder to begin with for the images that a project has, if any."""
    sets = images.image_sets(conn, project_id)
    return encoder_for_set(sets[0], workspace) if sets else DEFAULT_ENCODER


def embedding_time(
    access: Access, project: str | int | None, encoder: str | None
) -> tuple[str, EncodingTime | None]:
    """The encoder that `embed` would take, and how long it takes; None where that is not known.

    Raises:
        ValueError: when there is no such encoder here, or no image.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        _check_for(conn, access, project_id, encoder)
        count = sum(each.count for each in images.image_sets(conn, project_id))
        if not count:
            raise ValueError("This project has no images yet. Import some first.")
        name = encoder or first_encoder(conn, access.workspace, project_id)
    return name, encoding_time(access, name, count)


def check_encoder(access: Access, encoder: str) -> None:
    """Check that images can be embedded with this encoder here.

    Raises:
        ValueError: when not, naming those there are.
    """
    there = available(access.workspace.weights)
    if encoder in there:
        return
    if is_hub_name(encoder):
        folder = folder_of(encoder, access.workspace.weights)
        raise ValueError(
            f"The weights of {encoder} are not there. Fetch them: sslapp weights fetch {encoder}. "
            f"{by_hand(encoder, folder)}"
        )
    raise ValueError(f'The encoder "{encoder}" is not there. Choose one of {", ".join(there)}.')


def _check_for(conn: Connection, access: Access, project_id: int, encoder: str | None) -> None:
    """Check that this project's images can be embedded with an encoder, its own among them."""
    if encoder == OWN and latest_embedding(conn, project_id, OWN) is None:
        raise ValueError("This project has no encoder of its own yet. Train one: `sslapp learn`.")
    if encoder not in (None, OWN):
        check_encoder(access, encoder)


def queue_embed(
    conn: Connection, access: Access, project_id: int, encoder: str | None, seed: int = 0
) -> int:
    """Queue an embedding in an open transaction, for whoever checked that it is allowed.

    Without an encoder the job takes the one to begin with for the images that it finds.
    """
    params = {WORK: EncoderWork.FEATURES, "encoder": encoder, "seed": seed}
    return queue.enqueue(conn, project_id, JobKind.EMBED, params, access.reader_id)


def encoders_here(access: Access) -> dict[str, EncoderChoice]:
    """The encoders that can be chosen here, by name, in the order in which a page offers them."""
    folder = access.workspace.weights
    found = {name: find_choice(name, weights_file(name, folder)) for name in available(folder)}
    return {name: each for name, each in found.items() if each is not None and each.installed}


def encoders_of_project(access: Access, project_id: int) -> dict[str, EncoderChoice]:
    """The encoders that a project can be embedded with: those here, and its own if it has one."""
    with reading(access.engine) as conn:
        has_own = latest_embedding(conn, project_id, OWN) is not None
    return encoders_here(access) | ({OWN: ENCODERS[OWN]} if has_own else {})


def encoder_title(encoder: str) -> str:
    """How a page calls an encoder; its name for one that the program no longer has."""
    found = find_choice(encoder)
    return encoder if found is None else found.title


def learned(encoders: Sequence[str]) -> list[str]:
    """Those of the encoders that have learned from many images; all, where none has.

    An ensemble averages over these: of photographs the pixels themselves tell so little that on few
    labels they would pull it down.
    """
    return [each for each in encoders if each != DEFAULT_ENCODER] or list(encoders)


def further_encoder(access: Access, project_id: int) -> str | None:
    """A learned encoder that the ensemble would average beside one that is there, or None.

    It is the first of the list whose features do not cover all images yet; what was encoded without
    a learned encoder is left as it is.
    """
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        count = sum(each.count for each in images.image_sets(conn, project_id))
        there = [each for each in newest_of_encoders(conn, project_id) if each.count >= count]
    encoded = {each.encoder for each in there} - {DEFAULT_ENCODER}
    offered = [each for each in available(access.workspace.weights) if each != DEFAULT_ENCODER]
    return next((each for each in offered if each not in encoded), None) if encoded else None


def encoder_for_set(found: ImageSetRow, workspace: Workspace) -> str:
    """The encoder to begin with for images of a set, by the size that the store has them at.

    What an encoder of photographs sees needs some pixels.
    """
    side = PixelStore([workspace.path(found.pixels)]).shape[1]
    learned_fits = side >= PHOTOGRAPH and FOR_PHOTOGRAPHS in available(workspace.weights)
    return FOR_PHOTOGRAPHS if learned_fits else DEFAULT_ENCODER


def run_embed(context: JobContext) -> None:
    """Handle a job of kind `embed`: features, their projection, and one row that names them."""
    from sslapp.embedding.encoders import open_encoder, weights_file, weights_version
    from sslapp.embedding.precision import fastest

    project_id, params = context.claim.project_id, context.claim.params
    with reading(context.engine) as conn:
        name = params["encoder"] or first_encoder(conn, context.workspace, project_id)
        own = latest_embedding(conn, project_id, OWN) if name == OWN else None
    if own is not None:
        embed_with(context, encoder_of(context.workspace, own), str(own["id"]))
        return
    weights = weights_file(name, context.workspace.weights)
    precision = fastest()
    encoder = open_encoder(name, weights, precision)
    from_hub = weights is not None and weights.is_dir()
    embed_with(
        context,
        encoder,
        weights_version(weights),
        precision=precision,
        result={"weights": dict(listed(weights).files)} if from_hub and weights else {},
    )


def embed_with(
    context: JobContext,
    encoder: "Encoder",
    version: str,
    *,
    precision: Precision = Precision.FLOAT32,
    result: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Encode all images, write what belongs to features beside them, and finish the job.

    Args:
        context: of the job.
        encoder: opened.
        version: what tells it from others of its name.
        precision: in which it computes.
        result: what the job says besides.
    """
    from sslapp.embedding.encoder import EncodingStopped
    from sslapp.embedding.projection import pca_projection
    from sslapp.embedding.views import ViewChunks, encode_views
    from sslapp.training.self_supervised.encoder import OwnEncoder

    project_id, seed = context.claim.project_id, context.claim.params["seed"]
    with reading(context.engine) as conn:
        if not images.image_sets(conn, project_id):
            raise ValueError("This project has no images yet. Import some first.")
        is_test = images.splits(conn, project_id)
        pixels = pixels_for(conn, context.workspace, project_id, encoder)
        pictures = pictures_of(conn, context.workspace, project_id)
    fitted_to = np.flatnonzero(~is_test)
    # what an attempt before made of fewer images, or otherwise, is of no use
    parts = f"chunks/{len(is_test)}-{version}-{precision}"
    chunks = ViewChunks(
        len(is_test), context.folder / parts, [each / parts for each in context.earlier]
    )
    try:
        vectors = encoder.fit(
            pixels,
            fitted_to if pictures is None else pictures.of_images(fitted_to),
            seed=seed,
            progress=lambda step, total: context.progress(step, total, "preparing the encoder"),
            should_stop=context.should_stop,
        )
        started = time.monotonic()
        encoded = encode_views(
            vectors,
            pixels,
            chunks,
            [FEATURES],
            lambda rows, view, first: rows,
            batch=encoder.batch,
            progress=lambda step, total: context.progress(step, total, "embedding"),
            should_stop=context.should_stop,
            pictures=pictures,
        )
    except EncodingStopped:
        raise Cancelled from None
    seconds = time.monotonic() - started
    context.check()
    files = {each: context.folder / f"{each}.npy" for each in (FEATURES, "projection")}
    chunks.join(FEATURES, files[FEATURES])
    features = np.asarray(durable.read_array(files[FEATURES]), dtype=np.float32)
    note_precision(files[FEATURES], precision)
    if isinstance(encoder, OwnEncoder):  # no weights elsewhere open it again
        encoder.save(own_network(files[FEATURES]))
    durable.write_array(files["projection"], pca_projection(features, seed))
    told: dict[str, Any] = {
        "encoder": encoder.name,
        "shape": list(features.shape),
        RATE: encoded / seconds if encoded else None,
        **result,
    }
    with context.finishing(told) as conn:
        paths = {each: context.workspace.relative(path) for each, path in files.items()}
        add_embedding(conn, project_id, encoder=encoder.name, shape=features.shape, **paths)
    for folder in (context.folder, *context.earlier):  # their content is in the features now
        shutil.rmtree(folder / "chunks", ignore_errors=True)


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
