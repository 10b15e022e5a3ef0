"""An encoder that a project's own images teach: trained without labels, then embedded with.

For images that are unlike what public encoders were trained on.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from sslapp import durable
from sslapp.embedding.encoders import OWN
from sslapp.imaging.thumbnails import sheet
from sslapp.jobs import history, queue
from sslapp.jobs.context import Cancelled, JobContext
from sslapp.jobs.worker import JobRefused
from sslapp.rounds.project_pixels import training_store
from sslapp.store import images, projects
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.training.configuration import LARGEST_SIDE, NETWORKS, SMALLEST_SIDE
from sslapp.training.self_supervised.config import SelfSupervisedConfig
from sslapp.training.self_supervised.config import steps as steps_of
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.images.embeddings import embed_with
from sslapp.usecases.images.encoder_jobs import WORK, EncoderWork, work_of
from sslapp.usecases.images.pictures import thumbnails
from sslapp.usecases.training.estimates import time_of_passes
from sslapp.vocabulary import Gear, JobKind, Role

if TYPE_CHECKING:
    from torch import Tensor

    from sslapp.training.task import Indices, Task

PREVIEW = "neighbours.json"
"""File of an attempt: what its training has learned so far."""

QUERIES, NEAREST, AMONG = 4, 5, 1_000
"""Images whose neighbours are shown, how many of these, and among how many they are looked for."""

OFFERED = NETWORKS
SIDES = (0, SMALLEST_SIDE, 128, 160, LARGEST_SIDE)
"""Networks and sizes that a page offers; the command line takes others."""

VIEW, VIEW_PER_PIXEL = 8e-4, 1e-7
"""Seconds of one thread to make a view of an image, at all and for each of its pixels."""

SIDE = 64
"""Pixels of a picture among neighbours."""

NOT_INSTALLED = (
    "Training an encoder needs the package lightly, which is not installed. Install it with "
    "`pip install -r requirements-networks.txt -c constraints.txt`."
)

LEARNING = "learning from the images"


@dataclass(frozen=True)
class LearnedNeighbours:
    """What a training has learned so far: images, and those that it holds for nearest.

    Attributes:
        step, total: of the training.
        rows: positions; an image first, its nearest after it.
    """

    step: int
    total: int
    rows: list[list[int]]


def learn(
    access: Access,
    project: str | int | None,
    *,
    network: str = "small-cnn",
    steps: int = 0,
    image_size: int = 0,
    seed: int = 0,
) -> int:
    """Queue the training of an encoder on the project's images, and the embedding with it.

    Args:
        access: who asks.
        project: whose images.
        network: a name that rounds on pixels know.
        steps: of the training; 0 for forty times through the images.
        image_size: pixels a side of images that are read from originals; 0 for the training store.
        seed: of everything random.

    Returns:
        The job's id.

    Raises:
        ValueError: for a wrong option, or without images.
        Refused: while another is being trained.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.READER)
        if not images.image_sets(conn, project_id):
            raise ValueError("This project has no images yet. Import some first.")
        jobs = history.under_way(conn, JobKind.EMBED, project_id)
        if any(work_of(each["params"]) is EncoderWork.OWN for each in jobs):
            raise Refused("An encoder is being trained already. Wait for it, or cancel it first.")
        options = {
            "network": network,
            "steps": steps,
            "image_size": image_size,
            "flip": projects.find_project(conn, project_id).settings.flip,
        }
        params = {
            WORK: EncoderWork.OWN,
            "encoder": OWN,
            "config": _checked(options).model_dump(mode="json"),
            "seed": seed,
        }
        return queue.enqueue(conn, project_id, JobKind.EMBED, params, access.reader_id)


def learning_time(
    access: Access, project_id: int, *, network: str = "small-cnn", image_size: int = 0
) -> float:
    """Seconds that the training of an encoder takes on this machine, by rule of thumb."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        images_ = int((~images.splits(conn, project_id)).sum())
        size = training_store(conn, access.workspace, project_id).shape[1:]
    config = SelfSupervisedConfig(network=network, image_size=image_size)
    views = 2 * config.batch_size * steps_of(config, images_)
    made = VIEW + VIEW_PER_PIXEL * (image_size or size[0]) ** 2
    return views * made + time_of_passes(config.model_dump(), size, 3 * views)


def lacks_package() -> str:
    """Why nothing can be trained here, with the mend; "" where it can."""
    return "" if find_spec("lightly") else NOT_INSTALLED


def _checked(options: dict[str, object]) -> SelfSupervisedConfig:
    try:
        return SelfSupervisedConfig(**options)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"Option {where}: {first['msg']}.") from None


def run_learn(context: JobContext) -> None:
    """Handle a job of kind `embed` that trains: the network, its features, one row for them.

    Raises:
        JobRefused: when there are too few images, or the network does not suit them.
        Cancelled: when a reader cancelled it.
    """
    try:
        from sslapp.training.self_supervised.simclr import train
    except ImportError:
        raise JobRefused(NOT_INSTALLED) from None
    from sslapp.rounds.plan import apply_plan, make_plan
    from sslapp.training.predictor import NetworkPredictor
    from sslapp.training.run import Run, Stopped
    from sslapp.training.self_supervised.encoder import OwnEncoder

    params = context.claim.params
    config = SelfSupervisedConfig(**params["config"])
    device, dtype = apply_plan(make_plan(context.threads))
    run = Run(
        gear=Gear.PIXELS,
        device=device,
        seed=params["seed"],
        folder=context.folder / "stages",
        earlier=tuple(folder / "stages" for folder in context.earlier),
        report=lambda step, total, metrics: context.progress(step, total, LEARNING),
        should_stop=context.should_stop,
        dtype=dtype,
        weights=context.workspace.weights,
    )
    try:
        task = _task(context, config.image_size)
        found = train(task, run, config, _looking(context, task.pool))
    except Stopped:
        raise Cancelled from None
    except ValueError as error:
        raise JobRefused(str(error)) from None
    assert isinstance(found, NetworkPredictor)
    embed_with(context, OwnEncoder(found), context.claim.folder)


def _task(context: JobContext, image_size: int) -> "Task":
    """All images but those of the test, none with a label."""
    from sslapp.rounds.data import TaskPixels
    from sslapp.rounds.loading import stored_images, stored_pictures
    from sslapp.training.task import Task

    project_id = context.claim.project_id
    with reading(context.engine) as conn:
        is_test = images.splits(conn, project_id)
    about = (context.workspace, context.engine, project_id)

    def report(done: int, total: int) -> None:
        context.progress(done, total, "reading images")

    pool = np.flatnonzero(~is_test)
    found = stored_pictures(*about, image_size=image_size, report=report)
    if found is None:
        store = stored_images(*about, image_size=image_size, report=report)
    else:
        pictures, store = found
        pool = pictures.of_images(pool)
    count, nobody = store.shape[0], np.zeros(0, dtype=np.int64)
    return Task(
        num_classes=2,  # a network has a classifier, which learns nothing here
        labels=np.full(count, -1, dtype=np.int64),
        source=np.zeros(count, dtype=np.uint8),
        forbidden=np.zeros((count, 2), dtype=np.bool_),
        labelled=nobody,
        pool=pool,
        validation=nobody,
        pixels=TaskPixels(store),
    )


def _looking(
    context: JobContext, pool: "Indices"
) -> "Callable[[int, int, Callable[[Indices], Tensor]], None]":
    """Keep the neighbours of a few images, whenever the training shows what it has learned."""
    rng = np.random.default_rng(context.claim.params["seed"])
    among = np.sort(rng.permutation(pool)[:AMONG])
    queries = rng.choice(len(among), min(QUERIES, len(among)), replace=False)

    def look(step: int, total: int, embed: "Callable[[Indices], Tensor]") -> None:
        found = LearnedNeighbours(step, total, _nearest(embed(among).numpy(), among, queries))
        durable.write_bytes(context.folder / PREVIEW, json.dumps(asdict(found)).encode())

    return look


def _nearest(
    features: NDArray[np.float32], among: "Indices", queries: NDArray[np.int64]
) -> list[list[int]]:
    """Positions of each query and of its nearest by cosine, the nearest first."""
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    alike = unit[queries] @ unit.T
    alike[np.arange(len(queries)), queries] = np.inf  # itself
    order = np.argsort(-alike, axis=1, kind="stable")[:, : NEAREST + 1]
    return [[int(each) for each in among[row]] for row in order]


def neighbours_sheet(access: Access, project_id: int, found: LearnedNeighbours) -> bytes:
    """A PNG of the images and their neighbours, a row each."""
    rows = [thumbnails(access, project_id, each, SIDE) for each in found.rows]
    return sheet(rows, SIDE)


def neighbours_so_far(access: Access, project_id: int) -> LearnedNeighbours | None:
    """What the training under way, or the newest one, has learned; None before it showed any."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        jobs = history.newest_jobs(conn, project_id, kind=JobKind.EMBED)
    job = next((each for each in jobs if work_of(each["params"]) is EncoderWork.OWN), None)
    if job is None:
        return None
    for attempt in range(job["attempt"], 0, -1):
        path = access.workspace.attempt(job["folder"], attempt) / PREVIEW
        if path.exists():
            return LearnedNeighbours(**json.loads(path.read_bytes()))
    return None
