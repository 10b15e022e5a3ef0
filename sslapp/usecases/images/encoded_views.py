"""Encode views of a project's images with the encoder of its embedding, as a job.

Methods that compare views need them in the features gear, where images are encoded once and not at
every step. Each view costs what the embedding cost, so the cost is told before anything starts.
"""

import shutil
import time
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, get_args

import numpy as np
from sqlalchemy import Connection, RowMapping

from sslapp import durable
from sslapp.embedding.views import ViewChunks, check_same, encode_views, view_names
from sslapp.jobs import history, queue
from sslapp.jobs.context import Cancelled, JobContext
from sslapp.rounds.project_pixels import pictures_of
from sslapp.store import images, projects
from sslapp.store.database import reading, writing
from sslapp.store.embeddings import (
    add_views,
    find_embedding,
    latest_embedding,
    latest_views,
    same_features,
)
from sslapp.training.configuration import Augmentation
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.images.encoder_jobs import (
    WORK,
    EncoderWork,
    encoder_of,
    pixels_for,
    precision_of,
    work_of,
)
from sslapp.usecases.images.encoding_time import RATE, encoder_rate
from sslapp.usecases.jobs import may_control
from sslapp.vocabulary import JobKind, JobState, Role
from sslapp.words import count, roughly, size

AUGMENTATIONS: tuple[str, ...] = get_args(Augmentation)

NOT_ENCODED = (
    "This method compares views of an image, and in the features gear they have to be encoded "
    "first. Run `sslapp encode`, or press Encode views on the Projects page."
)

NUMBER = 4
"""Bytes of a number in a view."""


@dataclass(frozen=True)
class WantedViews:
    """Which views to encode; each of them costs as much as the embedding did.

    Attributes:
        encoder: of which embedding; None for the newest.
        weak, strong: how many of each kind.
        augmentation: policy of the strong ones.
        seed: of all views; an encoder that was fitted with a seed needs the same one.
    """

    encoder: str | None = None
    weak: int = 2
    strong: int = 4
    augmentation: str = "smooth"
    seed: int = 0


@dataclass(frozen=True)
class Cost:
    """What encoding views will take.

    Attributes:
        encoder: which will do it.
        images, views: so many images, in so many views each.
        rate: images a second, as `encoder_rate` has them.
        size: bytes on disk in the end; while they are joined it is twice as much.
    """

    encoder: str
    images: int
    views: int
    rate: float | None
    size: int

    @property
    def seconds(self) -> float | None:
        """How long it will take; None when nothing is known."""
        return self.images * self.views / self.rate if self.rate else None

    def __str__(self) -> str:
        what = f"{self.views} views of {count(self.images, 'image')}"
        disk = f"{size(self.size)} on disk"
        if self.rate is None or self.seconds is None:
            return f"{what}: {disk}; how long it takes is not known before the encoder ran here."
        speed = f"{self.rate:,.0f}" if self.rate >= 10 else f"{self.rate:.1f}"
        return (
            f"{what}: {roughly(self.seconds)} at {speed} images/s, the encoder's last speed here, "
            f"and {disk}."
        )


def cost(access: Access, project: str | int | None, wanted: WantedViews) -> Cost:
    """What it will take to encode views.

    Raises:
        ValueError: when they cannot be encoded, with the mend.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        row = _covering(conn, project_id, wanted)
        rate = encoder_rate(conn, row["encoder"])
    views = wanted.weak + wanted.strong
    return Cost(
        row["encoder"], row["count"], views, rate, row["count"] * views * row["dim"] * NUMBER
    )


def start_encoding(access: Access, project: str | int | None, wanted: WantedViews) -> int:
    """Queue the encoding of views of all images and return the job's id.

    The same views once more go on where a cancelled or failed job stopped, if the reader may
    resume that job.

    Raises:
        ValueError: when they cannot be encoded, with the mend, or are being encoded already.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.READER)
        row = _covering(conn, project_id, wanted)
        params = {
            WORK: EncoderWork.VIEWS,
            "encoder": row["encoder"],
            "seed": wanted.seed,
            "views": {
                "embedding_id": row["id"],
                "weak": wanted.weak,
                "strong": wanted.strong,
                "augmentation": wanted.augmentation,
                "flip": projects.find_project(conn, project_id).settings.flip,
            },
        }
        before = _same_job(conn, project_id, params)
        if before is None or before["state"] == JobState.DONE:
            return queue.enqueue(conn, project_id, JobKind.EMBED, params, access.reader_id)
        if before["state"] not in queue.ENDED:
            raise ValueError(f"These views are being encoded already, by job {before['id']}.")
        if not may_control(conn, access, project_id, before["reader_id"]):
            return queue.enqueue(conn, project_id, JobKind.EMBED, params, access.reader_id)
        queue.requeue(conn, before["id"])
        return int(before["id"])


def _covering(conn: Connection, project_id: int, wanted: WantedViews) -> RowMapping:
    """The embedding that views are to stand beside; it has every image of the project."""
    view_names(wanted.weak, wanted.strong)
    if wanted.augmentation not in AUGMENTATIONS:
        raise ValueError(
            f'There is no augmentation "{wanted.augmentation}"; choose one of '
            f"{', '.join(AUGMENTATIONS)}."
        )
    row = latest_embedding(conn, project_id, wanted.encoder)
    sets = images.image_sets(conn, project_id)
    if row is None or row["count"] < sum(each.count for each in sets):
        named = f" --encoder {wanted.encoder}" if wanted.encoder else ""
        raise ValueError(
            f"Not all images are embedded yet. Run `sslapp embed{named}` and wait for it."
        )
    return row


def _same_job(conn: Connection, project_id: int, params: dict[str, Any]) -> RowMapping | None:
    """The newest job that makes these views of the same features, whatever map showed them then."""
    rows = history.newest_jobs(conn, project_id, kind=JobKind.EMBED)
    alike = same_features(conn, params["views"]["embedding_id"])

    def told(asked: dict[str, Any]) -> dict[str, Any]:
        views = dict(asked.get("views", {}))
        views["embedding_id"] = views.get("embedding_id") in alike
        return {**asked, WORK: work_of(asked), "views": views}

    return next((each for each in rows if told(each["params"]) == told(params)), None)


@dataclass(frozen=True)
class Views:
    """Encoded views as a page tells of them."""

    weak: int
    strong: int
    augmentation: str
    created_at: datetime


def encoded_views(access: Access, project_id: int) -> Views | None:
    """The views of the project's newest embedding, or None."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        newest = latest_embedding(conn, project_id)
        row = None if newest is None else latest_views(conn, newest["id"])
    names = (each.name for each in fields(Views))
    return None if row is None else Views(**{name: row[name] for name in names})


def run_encode(context: JobContext) -> None:
    """Handle a job of kind `embed` that has views: their files, and one row that names them."""
    from sslapp.embedding.encoder import EncodingStopped
    from sslapp.training.inputs.view_images import ViewImages

    workspace, params, wanted = (
        context.workspace,
        context.claim.params,
        context.claim.params["views"],
    )
    with reading(context.engine) as conn:
        row = find_embedding(conn, context.claim.project_id, wanted["embedding_id"])
    features = workspace.path(row["features"])
    encoder = encoder_of(workspace, row)
    with reading(context.engine) as conn:
        is_test = images.splits(conn, context.claim.project_id)[: row["count"]]
        pixels = pixels_for(conn, workspace, context.claim.project_id, encoder)
        pictures = pictures_of(conn, workspace, context.claim.project_id)
    fitted_to = np.flatnonzero(~is_test)
    names = view_names(wanted["weak"], wanted["strong"])
    chunks = ViewChunks(
        row["count"], context.folder / "chunks", [each / "chunks" for each in context.earlier]
    )
    try:
        vectors = encoder.fit(
            pixels,
            fitted_to if pictures is None else pictures.of_images(fitted_to),
            seed=params["seed"],
            progress=lambda step, total: context.progress(0, 0, "preparing the encoder"),
            should_stop=context.should_stop,
        )
        check_same(
            *(vectors, pixels, durable.read_array(features)),
            precision=precision_of(features),
            pictures=pictures,
        )
        started = time.monotonic()
        encoded = encode_views(
            vectors,
            pixels,
            chunks,
            names,
            ViewImages(params["seed"], wanted["augmentation"], flip=wanted["flip"]),
            batch=encoder.batch,
            progress=lambda step, total: context.progress(step, total, "encoding views"),
            should_stop=context.should_stop,
            pictures=pictures,
        )
    except EncodingStopped:
        raise Cancelled from None
    seconds = time.monotonic() - started
    for name in names:
        context.check()
        chunks.join(name, context.folder / "views" / f"{name}.npy")
    result: dict[str, Any] = {
        "encoder": params["encoder"],
        "views": names,
        "shape": [row["count"], row["dim"]],
        RATE: encoded / seconds if encoded else None,
    }
    with context.finishing(result) as conn:
        stored = workspace.relative(context.folder / "views")
        add_views(conn, wanted, seed=params["seed"], folder=stored)
    for folder in (context.folder, *context.earlier):  # their content is in the views now
        shutil.rmtree(folder / "chunks", ignore_errors=True)
