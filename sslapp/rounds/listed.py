"""A round whose predictions come from a list: calibrated where labels suffice, and published."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sslapp import durable
from sslapp.jobs.context import JobContext
from sslapp.jobs.worker import JobRefused
from sslapp.review.candidates import says_nothing
from sslapp.rounds.data import build_task
from sslapp.rounds.publishing import Ended, publish
from sslapp.store import images
from sslapp.store.database import reading
from sslapp.store.rounds import LISTED
from sslapp.store.snapshots import find_snapshot, load
from sslapp.training.calibration.out_of_sample import OutOfSample
from sslapp.training.calibration.scaling import logs
from sslapp.training.calibration.sources import LEAST_HOLDOUT
from sslapp.training.task import Task
from sslapp.vocabulary import CalibratedOn


def publish_listed(context: JobContext, row: Mapping[str, Any]) -> None:
    """End a round of imported predictions; every attempt writes the same.

    Args:
        row: the round's, every column by its name.

    Raises:
        JobRefused: when the stored predictions are not those of the list any more.
    """
    started = time.monotonic()
    given = row["plan"][LISTED]
    path = context.workspace.path(given["path"])
    if not path.is_file() or durable.sha256(path) != given["array_sha256"]:
        raise JobRefused(
            f"{path} is missing or damaged, which holds what {given['file']} says. Import the list "
            "again: that makes a new round."
        )
    probabilities = durable.read_array(path).astype(np.float32, copy=False)
    with reading(context.engine) as conn:
        snapshot = load(context.workspace, find_snapshot(conn, row["snapshot_id"]))
        groups = images.groups(conn, row["project_id"])
    task = build_task(snapshot, pixels=None, features=None, groups=groups)
    context.check()
    nobody = np.zeros((len(probabilities), 1), dtype=np.bool_)
    named = ~says_nothing(probabilities, nobody)
    ended = Ended(
        probabilities=probabilities,
        answers=_answers(probabilities, named, task),
        seconds=time.monotonic() - started,
        named=named,
    )
    publish(context, row, task, ended)


def _answers(
    probabilities: NDArray[np.float32], named: NDArray[np.bool_], task: Task
) -> OutOfSample:
    """What the list says of the holdout's labels, if these are enough to calibrate it.

    Of no others: whether the model behind the list was taught them nobody here knows.
    """
    rows = task.validation[named[task.validation]]
    enough = len(rows) >= LEAST_HOLDOUT
    rows = rows if enough else rows[:0]
    return OutOfSample(
        source=CalibratedOn.HOLDOUT if enough else CalibratedOn.NOTHING,
        rows=rows,
        logits=torch.from_numpy(logs(np.asarray(probabilities[rows]))),
        labels=torch.from_numpy(task.labels[rows]),
        groups=None if task.groups is None else task.groups[rows],
    )
