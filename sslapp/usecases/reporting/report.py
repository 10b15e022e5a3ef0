"""What a report of a project says: everything read at one event, nothing drawn yet."""

import platform
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp import __version__
from sslapp.review.confusion import confusion
from sslapp.review.proposals import best_classes
from sslapp.rounds.predictions import predictions_of
from sslapp.store import images, label_classes, projects
from sslapp.store.images import ImageSetRow
from sslapp.store.label_classes import ClassRow
from sslapp.store.log import events
from sslapp.store.log.chain import now
from sslapp.store.reports import curves
from sslapp.store.rounds import all_rounds, newest_finished
from sslapp.store.snapshots import load
from sslapp.store.state import ProjectState, load_state
from sslapp.training.calibration.scaling import Temperature
from sslapp.training.calibration.table import CalibrationTable, calibration_table
from sslapp.usecases.auditing.certificate import Certificate, certificate_of
from sslapp.usecases.projects.status import counts_of, per_class_of
from sslapp.usecases.reporting.decisions import Activity, RoundVerdicts, activity, verdicts
from sslapp.usecases.training.history import RoundLine, read_lines
from sslapp.usecases.training.trust import calibrating_map, rests_on
from sslapp.workspace import Workspace

CURVES_OF = 6
"""Newest rounds whose learning curves are drawn."""

PACKAGES = ("numpy", "scikit-learn", "sqlalchemy", "torch")


@dataclass(frozen=True, eq=False)
class Judged:
    """The newest finished round against its holdout.

    Attributes:
        number: of the round.
        names: its classes that are in use, in column order.
        confusion: (C, C) int64, holdout images by true column and predicted column: the likeliest
            class that is allowed, before the round was calibrated.
        raw, calibrated: reliability of its confidence in the predicted class before and after it
            was calibrated.
        calibrated_by: the map of its confidence, in words.
        rests_on: what it was fitted to, in words.
    """

    number: int
    names: list[str]
    confusion: NDArray[np.int64]
    raw: CalibrationTable
    calibrated: CalibrationTable
    calibrated_by: str
    rests_on: str


@dataclass(frozen=True)
class Curve:
    """What one round reported of one figure while it trained."""

    round: int
    method: str
    metric: str
    steps: list[int]
    values: list[float]


@dataclass(frozen=True, eq=False)
class Report:
    """All that the report says.

    Attributes:
        head: number and hash of the newest event when it was read.
        counts: as in usecases.projects.Status.
        classes: retired ones too.
        per_class: class id -> (4,) labels by vocabulary.Source.
        rounds: newest first.
        certificate: how many labels are proven right.
        judged: None without a finished round, or when it had no holdout.
        versions: of the programs that wrote the report.
    """

    project: str
    written_at: datetime
    head: tuple[int, str]
    counts: dict[str, int]
    classes: list[ClassRow]
    per_class: dict[int, NDArray[np.int64]]
    rounds: list[RoundLine]
    activity: Activity
    verdicts: list[RoundVerdicts]
    certificate: Certificate
    judged: Judged | None
    curves: list[Curve]
    imports: list[ImageSetRow]
    versions: dict[str, str]


def gather(conn: Connection, workspace: Workspace, project_id: int) -> Report:
    """Read the report in one transaction, so that all its figures are of one moment."""
    state = load_state(conn, project_id)
    table = per_class_of(state)
    return Report(
        project=projects.find_project(conn, project_id).name,
        written_at=now(),
        head=events.head(conn, project_id),
        counts=counts_of(state),
        classes=label_classes.classes(conn, project_id, retired=True),
        per_class={int(each): table[c] for c, each in enumerate(state.class_ids)},
        rounds=read_lines(conn, project_id),
        activity=activity(conn, project_id),
        verdicts=verdicts(conn, workspace, project_id, state),
        certificate=certificate_of(conn, project_id),
        judged=_judged(conn, workspace, project_id, state),
        curves=_curves(conn, project_id),
        imports=images.image_sets(conn, project_id),
        versions={
            "sslapp": __version__,
            "Python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
    )


def _judged(
    conn: Connection, workspace: Workspace, project_id: int, state: ProjectState
) -> Judged | None:
    """What the newest finished round says of the holdout as its own snapshot froze it.

    The class judged is the likeliest one before calibration: what was fitted to these labels may
    prefer another, and is no judge of itself. Images whose class is retired since, or for which
    nothing is left to propose, are not judged.
    """
    found = newest_finished(conn, project_id)
    if found is None:
        return None
    frozen = load(workspace, found.snapshot)
    in_use = np.isin(frozen.class_ids, state.class_ids)
    rows = frozen.validation
    rows = rows[in_use[frozen.labels[rows]]]
    predictions = predictions_of(workspace, found, state).at(rows)
    said = best_classes(predictions.raw, Temperature(1.0), predictions.forbidden)
    there = (said.columns >= 0) & (predictions.best.columns >= 0)
    if not there.any():
        return None
    truth, predicted = frozen.labels[rows][there], said.columns[there]
    allowed = np.where(predictions.forbidden, np.float32(0), predictions.calibrated)[there]
    sure = allowed[np.arange(len(allowed)), predicted] / allowed.sum(axis=1)
    classes = len(frozen.class_ids)
    names = {each.id: each.name for each in label_classes.classes(conn, project_id, retired=True)}
    return Judged(
        number=found.number,
        names=[names[each] for each in frozen.class_ids[in_use].tolist()],
        confusion=confusion(truth, predicted, classes)[np.ix_(in_use, in_use)],
        raw=calibration_table(said.confidence[there], predicted == truth),
        calibrated=calibration_table(sure, predicted == truth),
        calibrated_by=calibrating_map(found),
        rests_on=rests_on(found.metrics),
    )


def _curves(conn: Connection, project_id: int) -> list[Curve]:
    newest = {each.id: each for each in all_rounds(conn, project_id)[-CURVES_OF:]}
    return [
        Curve(
            newest[round_id].number,
            newest[round_id].method,
            name,
            [step for step, _ in curve],
            [value for _, value in curve],
        )
        for round_id, by_name in sorted(curves(conn, list(newest)).items())
        for name, curve in sorted(by_name.items())
    ]
