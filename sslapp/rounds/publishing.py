"""What a round leaves when it ends: its files, its figures, its last transaction."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sslapp import durable
from sslapp.jobs.context import JobContext
from sslapp.review.candidates import DEFAULT_THRESHOLD
from sslapp.review.collapse import Collapse, find_collapse
from sslapp.review.proposals import best_classes, likeliest_columns
from sslapp.store import reports, rounds
from sslapp.store.integrity import files
from sslapp.store.log import events
from sslapp.training.calibration.calibration import Calibration, calibrate
from sslapp.training.calibration.out_of_sample import OutOfSample
from sslapp.training.folds import experts
from sslapp.training.method import Predictor
from sslapp.training.task import Indices, Task
from sslapp.vocabulary import EventKind, Projection


@dataclass(frozen=True, kw_only=True, eq=False)
class Ended:
    """What a round has come to.

    Attributes:
        probabilities: (N, C) float32 what it says of every image.
        answers: about labelled images that the fit which answers was not taught.
        seconds: what the attempt has taken.
        predictor: of the whole task; None where nothing was trained.
        members: by name, (N, M) float16 probabilities of its members; empty without any.
        own: column -> file of what the trained model makes of the images; empty on frozen features.
        frames: folder of the round's film, if there is one.
        named: (N,) bool, the images that a list says something of; None for all.
    """

    probabilities: NDArray[np.float32]
    answers: OutOfSample
    seconds: float
    predictor: Predictor | None = None
    members: Mapping[str, NDArray[np.float16]] = field(default_factory=dict)
    own: Mapping[str, Path] = field(default_factory=dict)
    frames: Path | None = None
    named: NDArray[np.bool_] | None = None

    def of(self, rows: Indices) -> Indices:
        """Those of some rows that it says something of."""
        return rows if self.named is None else rows[self.named[rows]]


def publish(context: JobContext, row: Mapping[str, Any], task: Task, ended: Ended) -> None:
    """Write what a round leaves and end its job.

    Args:
        row: the round's, every column by its name.
        task: what it was about.
        ended: what it has come to.
    """
    calibration = calibrate(ended.answers)
    path = context.folder / "probabilities.npy"
    if ended.predictor is not None:
        ended.predictor.save(context.folder / "predictor")
    durable.write_array(path, ended.probabilities)
    beside = _write_beside(context, ended)
    collapse = _collapse(ended, task, calibration)
    metrics = {
        **_holdout_metrics(ended, task),
        **_calibration_metrics(calibration),
        "collapse": None if collapse is None else asdict(collapse),
        "sure": _sure(row, ended, task, calibration, collapse),
        "members": list(ended.members),
        "seconds": ended.seconds,
    }
    result: dict[str, Any] = {"round_id": row["id"], "round": row["number"], **metrics}
    written = context.written()
    with context.finishing(result, written) as conn:
        values = {
            "probabilities": context.workspace.relative(path),
            **beside,
            "projection": Projection.PCA if ended.own else None,
            "frames": None if ended.frames is None else context.workspace.relative(ended.frames),
            "temperature": calibration.temperature,
            "metrics": metrics,
            "curves": reports.curves_hash(conn, row["id"]),
        }
        rounds.change_round(conn, row["id"], values)
        events.append(
            conn,
            row["project_id"],
            EventKind.ROUND_DONE,
            key=f"round-{row['id']}-done",
            round_id=row["id"],
            payload={
                "probabilities_sha256": durable.sha256(path),
                "files_sha256": files.digest(written),
            },
        )


def _write_beside(context: JobContext, ended: Ended) -> dict[str, str]:
    """Write what a round has besides its predictions. Returns column -> path."""
    found = ended.answers
    written = dict(ended.own)
    if len(found):
        table = rounds.Answers(found.rows, found.labels.numpy(), found.logits.numpy()).table()
        written["answers"] = context.folder / "answers.npy"
        durable.write_array(written["answers"], table)
    if ended.members:
        written["members"] = context.folder / "members.npy"
        durable.write_array(written["members"], np.stack(list(ended.members.values()), axis=1))
    return {column: context.workspace.relative(path) for column, path in written.items()}


def _holdout_metrics(ended: Ended, task: Task) -> dict[str, Any]:
    rows = ended.of(task.validation)
    right = ended.probabilities[rows].argmax(axis=1) == task.labels[rows]
    return {
        "holdout": len(rows),
        "holdout_accuracy": float(right.mean()) if len(rows) else None,
    }


def _collapse(ended: Ended, task: Task, calibration: Calibration) -> Collapse | None:
    """Whether what the round would propose for the pool is nearly all one class."""
    judged = np.concatenate([experts(task), task.validation])
    pool = ended.of(task.pool)
    if len(pool) < len(task.pool):  # a choice of images may well be of one class
        return None
    proposed = likeliest_columns(ended.probabilities, calibration.scaling)[pool]
    return find_collapse(proposed, task.labels[judged], task.labels[task.validation])


def _sure(
    row: Mapping[str, Any],
    ended: Ended,
    task: Task,
    calibration: Calibration,
    collapse: Collapse | None,
) -> int:
    """For how many images of the pool a class is proposed at the usual threshold."""
    meant = calibration.calibrated or rounds.LISTED in row["plan"]
    if not meant or (collapse is not None and collapse.contradicted):
        return 0
    best = best_classes(ended.probabilities, calibration.scaling, task.forbidden)
    return int((best.confidence[task.pool] >= DEFAULT_THRESHOLD).sum())


def _calibration_metrics(found: Calibration) -> dict[str, Any]:
    return {
        "calibrated": found.calibrated,
        "calibrated_on": found.source,
        "calibrated_count": found.count,
        "cautious": found.cautious,
        "ece_before": found.ece_before if found.count else None,
        "ece_after": found.ece_after if found.count else None,
        "ece_interval": list(found.interval) if found.count else None,
        "temperature": found.temperature,
        "scaling": found.scaling.stored(),
    }
