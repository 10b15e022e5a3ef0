"""What a job of kind `embed` does with an encoder, as its parameters say, and what it reads.

How features were computed stands in a file beside them, for views of the same images have to be
computed alike.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping

from sslapp import durable
from sslapp.embedding.encoder import Encoder, PixelSource
from sslapp.embedding.encoders import OWN, open_encoder, weights_file
from sslapp.embedding.precision import Precision
from sslapp.jobs import history
from sslapp.rounds.project_pixels import originals_at, pictures_of, training_store
from sslapp.store import images
from sslapp.vocabulary import JobKind
from sslapp.workspace import Workspace

WORK = "work"
"""Name of the parameter."""

BESIDE = "encoding.json"
"""Name of the file beside features."""

SEEDS = "seeds"
"""In the result of a job that took embeddings along: path of their features -> their seed."""

NETWORK = "network"
"""Folder beside features of a project's own encoder: its network."""


class EncoderWork(StrEnum):
    """The works of the lane that encoders run in; the last trains one first."""

    FEATURES = "features"
    VIEWS = "views"
    PROJECTION = "projection"
    OWN = "own"


def work_of(params: Mapping[str, Any]) -> EncoderWork:
    """What a job does.

    A job that a version before this parameter queued has the parameter that only its work needs,
    named like the work.
    """
    if WORK in params:
        return EncoderWork(params[WORK])
    own = (EncoderWork.VIEWS, EncoderWork.PROJECTION)
    return next((each for each in own if each in params), EncoderWork.FEATURES)


def pixels_for(
    conn: Connection, workspace: Workspace, project_id: int, encoder: Encoder
) -> PixelSource:
    """The images as an encoder reads them best: from the originals, at its own size.

    Arrays that the project's pixels hold whole are read from there, or as they came where the
    store was made again.

    Where an image is several pictures (`pictures_of`) a row is one of them.
    """
    pictures = pictures_of(conn, workspace, project_id)
    stored = training_store(conn, workspace, project_id)
    names = images.original_of_each(conn, project_id)
    made_again = any(each.whole for each in images.image_sets(conn, project_id))
    if pictures is None and (encoder.side is None or not (made_again or any(names))):
        return stored
    return originals_at(
        *(conn, workspace, project_id, encoder.side or stored.shape[1]),
        aspect=encoder.aspect,
        resample=encoder.resample,
        pictures=pictures,
    )


def note_precision(features: Path, precision: Precision) -> None:
    """Write beside features in which number format they are computed."""
    note = json.dumps({"precision": precision})
    durable.write_bytes(features.with_name(BESIDE), note.encode())


def precision_of(features: Path) -> Precision:
    """In which number format features were computed; those without a note are from before it."""
    path = features.with_name(BESIDE)
    if not path.exists():
        return Precision.FLOAT32
    return Precision(json.loads(path.read_bytes())["precision"])


def encoder_seed(conn: Connection, row: RowMapping) -> int:
    """The seed of the job that made an embedding, whose folder its features lie in.

    Of one that a sibling took along the job says it that took it.
    """
    project_id, features = row["project_id"], row["features"]
    taken = history.newest_done(conn, project_id, JobKind.SIBLING)
    if taken is not None and features in taken["result"][SEEDS]:
        return int(taken["result"][SEEDS][features])
    parts = Path(features).parts
    made = history.newest_jobs(conn, project_id, kind=JobKind.EMBED)
    return next((int(job["params"]["seed"]) for job in made if job["folder"] in parts), 0)


def own_network(features: Path) -> Path:
    """Where the network lies that made the features of a project's own encoder."""
    return features.parent / NETWORK


def encoder_of(
    workspace: Workspace, row: RowMapping, precision: Precision | None = None
) -> Encoder:
    """The encoder that made an embedding, as it was then; loads torch.

    Args:
        workspace: where its weights lie.
        row: of the embedding.
        precision: another number format than that of its features.

    Raises:
        ValueError: when its weights are gone.
    """
    features = workspace.path(row["features"])
    if row["encoder"] == OWN:
        from sslapp.training.self_supervised.encoder import OwnEncoder

        return OwnEncoder.load(own_network(features))
    weights = weights_file(row["encoder"], workspace.weights)
    return open_encoder(row["encoder"], weights, precision or precision_of(features))
