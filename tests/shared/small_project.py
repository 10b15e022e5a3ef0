"""A small prepared project that tests copy: 160 digits, embedded, 40 of them labelled.

Images 0-119 belong to the pool and 120-159 to the test split; every sixth labelled one was drawn
for the holdout. Who owns it is called Ann.
"""

import shutil
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from sslapp import durable
from sslapp.imaging.decode import pixel_sha256
from sslapp.jobs import queue
from sslapp.jobs.worker import work
from sslapp.store import images, label_classes
from sslapp.store.database import reading, writing
from sslapp.store.integrity import seals
from sslapp.store.log import events, replay
from sslapp.store.log.chain import Event, hash_row, now
from sslapp.store.schema import event, round_, workspace
from sslapp.store.state import load_state
from sslapp.store.verify import verify
from sslapp.usecases.access import IDENTITY, Access, enter, new_key
from sslapp.usecases.handlers import HANDLERS
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.jobs import job_status
from sslapp.usecases.labelling import decisions
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import EventKind, JobState
from sslapp.workspace import Workspace

NAME = "Digits"
WORKSPACE = "5a1d" * 8
"""The prepared workspace's id, and that of its copies."""
POOL, TEST = 120, 40
LABELLED = 40
TINY = {"steps": 12, "batch_size": 8, "unlabelled_ratio": 2, "calibration_trainings": "one"}
"""Options of a training that takes a second."""
TINY_SUPERVISED = {"steps": 60, "batch_size": 32, "calibration_trainings": "one"}
"""Options of a round that takes a second and learns something."""


def digits(count: int, start: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(count, 8, 8) uint8 images and their (count,) classes."""
    from sklearn.datasets import load_digits

    data = load_digits()
    rows = slice(start, start + count)
    return np.rint(data.images[rows] * 255 / 16).astype(np.uint8), data.target[rows]


def write_npz(path: Path, labels: NDArray[np.int64] | None = None) -> Path:
    """The project's images as an .npz file, with other labels if given. labels: (160,)."""
    pictures, truth = digits(POOL + TEST)
    labels = truth if labels is None else labels
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        train_images=pictures[:POOL],
        train_labels=labels[:POOL],
        test_images=pictures[POOL:],
        test_labels=labels[POOL:],
    )
    return path


def write_more(path: Path) -> Path:
    """The same pictures as `write_npz` under other names: each is called as the one after it was.

    As they are called there, they would be here already when they are imported again.
    """
    made = dict(np.load(write_npz(path)))
    np.savez(path, **{key: np.roll(rows, -1, axis=0) for key, rows in made.items()})
    return path


def build(root: Path) -> None:
    """Make the prepared workspace at `root` with its database closed."""
    source = write_npz(root.parent / "digits.npz")
    access = enter(Workspace(workspace=root), "Ann")
    name(access, WORKSPACE)
    project = create_project(access, NAME)
    import_images(access, project, str(source))
    embed(access, project)
    run_jobs(access)
    truth = true_columns(access)
    for position in range(LABELLED):
        if position % 6 == 5:
            draw_holdout(access, position)
        decisions.label(access, project, position, str(truth[position]))
    access.engine.dispose()


def name(access: Access, workspace_id: str) -> None:
    """Give a workspace an id of one's choice, in its database and in its folder."""
    with writing(access.engine) as conn:
        seals.update(conn, workspace, [], {"id": workspace_id})
    durable.write_bytes(access.workspace.root / IDENTITY, workspace_id.encode())


@cache
def image_hash(position: int) -> str:
    """Content hash of an image of the project; of any content where there is no such image."""
    pictures, _ = digits(POOL + TEST)
    return pixel_sha256(pictures[position % len(pictures)])


def copy(prepared: Path, root: Path) -> Access:
    """A copy of a workspace whose database is closed, entered as Ann."""
    shutil.copytree(prepared, root)
    return enter(Workspace(workspace=root), "Ann")


def run_jobs(access: Access, threads: int = 1, **options: object) -> int:
    """Run what is queued in this process and return how many jobs that were."""
    return work(
        access.workspace,
        access.engine,
        HANDLERS,
        threads=threads,
        until_idle=True,
        **options,  # type: ignore[arg-type]
    )


def run_a_round_asked_evenly(access: Access, each: int = 11) -> None:
    """Run a round that is asked about so many labels of each class, less the holdout's."""
    truth = digits(POOL + TEST)[1]
    with reading(access.engine) as conn:
        labelled = load_state(conn, 1).labels >= 0
    for digit in range(10):
        for position in np.flatnonzero(truth == digit)[:each].tolist():
            if not labelled[position]:
                decisions.label(access, None, position, str(digit))
    start_round(access, None, method="label-propagation")
    run_jobs(access)


def finish(access: Access, job_id: int) -> dict[str, Any]:
    """Run what is queued and return the row of one job."""
    run_jobs(access)
    return job_status(access, job_id)


def draw_holdout(access: Access, position: int) -> None:
    with writing(access.engine) as conn:
        events.append(conn, 1, EventKind.DRAW_HOLDOUT, key=new_key(), position=position)


def true_columns(access: Access) -> NDArray[np.int64]:
    """(N,) int64 true classes as columns; the digits' classes are called by their column."""
    with reading(access.engine) as conn:
        ids = images.true_labels(conn, 1)
        columns = {row.id: row.number for row in label_classes.classes(conn, 1, retired=True)}
    return np.array([columns[each] for each in ids.tolist()], dtype=np.int64)


def log(access: Access, project_id: int = 1) -> list[Event]:
    """All events of the project."""
    with reading(access.engine) as conn:
        return list(events.read(conn, project_id))


def plant(access: Access, kind: EventKind, **about: object) -> None:
    """Store an event without any check, as an older version may have stored it."""
    with writing(access.engine) as conn:
        number, prev_hash = events.head(conn, 1)
        columns: dict[str, Any] = dict.fromkeys(
            ("position", "class_id", "round_id", "target", "members", "member_classes")
        )
        made = Event(
            **{
                **columns,
                **{"project_id": 1, "number": number + 1, "at": now(), "kind": kind},
                **{"reader_id": access.reader_id, "key": new_key(), "payload": {}},
                **{"prev_hash": prev_hash, **about},
            }
        )
        made = replace(made, hash=hash_row(made.row()))
        conn.execute(event.insert(), made.row())
        replay.rebuild(conn, 1)


def damage(access: Access, project_id: int = 1) -> str | None:
    """What `verify` finds wrong; None when all is well."""
    with reading(access.engine) as conn:
        return verify(conn, project_id).problem


def wait_for_step(access: Access, step: int) -> None:
    """Wait until the newest round runs and has taken so many steps."""
    until = time.monotonic() + 40
    with reading(access.engine) as conn:
        newest = select(round_.c.job_id).order_by(round_.c.number.desc()).limit(1)
        job_id = conn.execute(newest).scalar_one()
    while time.monotonic() < until:
        with reading(access.engine) as conn:
            row = queue.read_job(conn, job_id)
        if row["state"] == JobState.RUNNING and row["step"] >= step:
            return
        assert row["state"] != JobState.DONE, f"the round ended before step {step} was seen"
        time.sleep(0.005)
    raise AssertionError(f"step {step} was not reached: {row}")


def published(access: Access, number: int = 1) -> tuple[NDArray[np.float32], float]:
    """A round's raw probabilities and its temperature."""
    with reading(access.engine) as conn:
        row = conn.execute(select(round_).where(round_.c.number == number)).one()
        error = queue.read_job(conn, row.job_id)["error"]
    assert row.probabilities is not None, f"round {number} published nothing: {error}"
    return np.array(durable.read_array(access.workspace.path(row.probabilities))), row.temperature
