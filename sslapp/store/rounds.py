"""Rounds with the snapshots that they train on.

A round has *finished* when its row names its probabilities. They and the job's end are written in
one transaction; what there is to review, to compare and to report are the probabilities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, select

from sslapp import durable
from sslapp.store.errors import NotFinished, Refused
from sslapp.store.integrity import seals
from sslapp.store.label_classes import classes
from sslapp.store.log.chain import now
from sslapp.store.schema import (
    forbidden_class,
    job,
    round_,
    snapshot,
)
from sslapp.store.snapshots import SnapshotRow
from sslapp.store.state import Standing
from sslapp.vocabulary import Projection
from sslapp.workspace import Workspace

Positions = NDArray[np.int64]

PIXELS = "pixels"
"""Key of a plan: paths of the pixels that the round reads, by position."""

PLUGIN = "plugin"
"""Key of a plan: the file that holds the round's method, as {"path", "sha256"}, if it is one. It is
there from the start, all else from the first attempt on."""

LISTED = "list"
"""Key of a plan: what the round's predictions were read from, if it is a list and nothing was
trained, as {"file", "sha256", "images", "path", "array_sha256"}; there from the start as well."""

FORMERLY_FIXMATCH = {"flexible": "flexmatch", "adaptive": "freematch"}
"""FixMatch's former option `threshold` -> the method that its value is by now."""

_FROZEN = "frozen_"  # before the names of a snapshot's columns, some of which a round has too


@dataclass(frozen=True, eq=False)
class Answers:
    """What a round said of n labelled images that the fit which answered was not taught.

    Attributes:
        positions: (n,) int64, ascending.
        labels: (n,) int64 columns of their classes when the round was started.
        logits: (n, C) float32.
    """

    positions: Positions
    labels: NDArray[np.int64]
    logits: NDArray[np.float32]

    def table(self) -> NDArray[np.generic]:
        """(n,) as one array with named fields, as it is stored."""
        logits = ("logits", np.float32, self.logits.shape[1:])
        kind = np.dtype([("position", np.int64), ("label", np.int64), logits])
        table = np.empty(len(self.positions), dtype=kind)
        table["position"], table["label"] = self.positions, self.labels
        table["logits"] = self.logits
        return table


class Members(NamedTuple):
    """What the M members of a round's ensemble said of its N images.

    Attributes:
        names: (M,) as the method calls them.
        probabilities: (N, M, C) float16 in the snapshot's classes; a memory map.
    """

    names: tuple[str, ...]
    probabilities: NDArray[np.float16]


@dataclass(frozen=True, kw_only=True)
class StoredRound:
    """A round's row with its snapshot's.

    Attributes:
        id: its row; `number` counts 1, 2, ... in the project.
        job_id: the job whose state is the round's.
        encoder, embedding_id, view_set_id: what it takes features from, if it does.
        embeddings_beside: ids of the features of further encoders, if it takes several.
        plan: what every attempt has to keep to.
        probabilities: path of (N, C) float32 raw softmax; None until it has finished.
        answers: path of its out-of-sample answers; None where there are none.
        members: path of (N, M, C) float16 probabilities of an ensemble's members, if it has some.
        features: path of (N, D) float16 of the model that it trained; None where that looks at the
            features of a frozen encoder, or the round is older than such files.
        pca, umap: paths of (N, 2) float32 maps of them, as far as they are made.
        projection: which of the maps is shown; None without features.
        frames: path of the folder of its film, if one was kept.
        temperature: of the calibration; None until it has finished.
        metrics: its figures at the end; empty before.
        snapshot: what it trains on.
    """

    id: int
    project_id: int
    number: int
    job_id: int
    method: str
    gear: str
    config: dict[str, Any]
    seed: int
    plan: dict[str, Any]
    encoder: str | None
    embedding_id: int | None
    embeddings_beside: list[int] | None
    view_set_id: int | None
    probabilities: str | None
    answers: str | None
    members: str | None
    features: str | None
    pca: str | None
    umap: str | None
    projection: str | None
    frames: str | None
    temperature: float | None
    metrics: dict[str, Any]
    created_at: datetime
    snapshot: SnapshotRow

    @property
    def class_ids(self) -> list[int]:
        """(C,): column c of every array of the round means class_ids[c]."""
        return self.snapshot.class_ids

    @property
    def is_listed(self) -> bool:
        """Whether its predictions are those of a list, and nothing was trained."""
        return LISTED in self.plan

    @property
    def shown_map(self) -> str | None:
        """Path of the map of its own features that is shown; None where it has none."""
        return self.umap if self.projection == Projection.UMAP else self.pca


@dataclass(frozen=True, kw_only=True)
class FinishedRound(StoredRound):
    """A round that has probabilities and a temperature."""

    probabilities: str
    temperature: float

    @property
    def is_calibrated(self) -> bool:
        """Whether the temperature was fitted on labels that the fit was not taught."""
        return bool(self.metrics.get("calibrated", False))

    @property
    def proposes(self) -> bool:
        """Whether its confidence may be acted on: calibrated, and not contradicted by the holdout.

        That of a list is taken as it says where it is not calibrated: who brought it wants to see
        its proposals. A round of an earlier version proposes as it did when it was published.
        """
        if "calibrated_on" not in self.metrics:
            return True
        collapse = self.metrics.get("collapse")
        sure = self.is_calibrated or self.is_listed
        return sure and not (collapse and collapse["contradicted"])

    @property
    def judged(self) -> int:
        """Labels of the holdout that it was measured on."""
        return int(self.metrics.get("holdout", 0))

    def read_answers(self, workspace: Workspace) -> Answers | None:
        """Its out-of-sample answers, if it has some."""
        if self.answers is None:
            return None
        stored: NDArray[Any] = durable.read_array(workspace.path(self.answers))
        return Answers(stored["position"], stored["label"], stored["logits"])

    def read_members(self, workspace: Workspace) -> Members | None:
        """What the members of its ensemble said, if it is one."""
        if self.members is None:
            return None
        stored: NDArray[Any] = durable.read_array(workspace.path(self.members))
        return Members(tuple(self.metrics["members"]), stored)

    def read_probabilities(self, workspace: Workspace) -> NDArray[np.float32]:
        """(N, C) float32 raw softmax in the snapshot's classes; a memory map."""
        stored = durable.read_array(workspace.path(self.probabilities))
        return stored.astype(np.float32, copy=False)


def finished(project_id: int) -> ColumnElement[bool]:
    """A condition on the table of rounds: this project's rounds that have finished."""
    return (round_.c.project_id == project_id) & round_.c.probabilities.is_not(None)


def all_rounds(conn: Connection, project_id: int) -> list[StoredRound]:
    """Every round of the project, finished or not, in order of their numbers."""
    query = _with_snapshots().where(round_.c.project_id == project_id).order_by(round_.c.number)
    return [StoredRound(**_values(row)) for row in conn.execute(query).mappings()]


def find_round(conn: Connection, project_id: int, number: int | None = None) -> StoredRound:
    """A round, finished or not; default: the newest.

    Raises:
        Refused: when there is none.
    """
    query = _with_snapshots().where(round_.c.project_id == project_id)
    if number is not None:
        query = query.where(round_.c.number == number)
    row = conn.execute(query.order_by(round_.c.number.desc()).limit(1)).mappings().first()
    if row is None:
        raise Refused("There is no round yet." if number is None else f"No round {number}.")
    return StoredRound(**_values(row))


def finished_rounds(conn: Connection, project_id: int) -> list[FinishedRound]:
    """The project's finished rounds in order of their numbers."""
    query = _with_snapshots().where(finished(project_id)).order_by(round_.c.number)
    return [FinishedRound(**_values(row)) for row in conn.execute(query).mappings()]


def finished_round(conn: Connection, project_id: int, number: int | None = None) -> FinishedRound:
    """A finished round; default: the newest.

    Raises:
        NotFinished: when there is none, or that one has not finished.
    """
    found = newest_finished(conn, project_id) if number is None else None
    if number is not None:
        query = _with_snapshots().where(finished(project_id), round_.c.number == number)
        row = conn.execute(query).mappings().first()
        found = None if row is None else FinishedRound(**_values(row))
    if found is None:
        which = "No round" if number is None else f"Round {number} has not"
        raise NotFinished(f"{which} finished yet. Start one and wait for it.")
    return found


def round_or_newest(conn: Connection, project_id: int, number: int | None) -> FinishedRound | None:
    """The finished round of a number; by None the newest one, if any has finished.

    Raises:
        NotFinished: when a round is named that has not finished, or does not exist.
    """
    if number is None:
        return newest_finished(conn, project_id)
    return finished_round(conn, project_id, number)


def newest_finished(
    conn: Connection, project_id: int, *, before: int | None = None
) -> FinishedRound | None:
    """The finished round with the highest number, if there is one.

    Args:
        before: only rounds with a lower number.
    """
    query = _with_snapshots().where(finished(project_id))
    if before is not None:
        query = query.where(round_.c.number < before)
    row = conn.execute(query.order_by(round_.c.number.desc()).limit(1)).mappings().first()
    return None if row is None else FinishedRound(**_values(row))


def round_id(conn: Connection, project_id: int, number: int) -> int | None:
    """The id of the round with a number, finished or not; None when there is none."""
    query = select(round_.c.id).where(round_.c.project_id == project_id, round_.c.number == number)
    return conn.execute(query).scalar()


def rounds_of_jobs(conn: Connection, job_ids: Sequence[int]) -> dict[int, StoredRound]:
    """Job's id -> the round that it runs; only jobs that run one."""
    query = _with_snapshots().where(round_.c.job_id.in_(list(job_ids)))
    found = [StoredRound(**_values(row)) for row in conn.execute(query).mappings()]
    return {each.job_id: each for each in found}


def newest_number(conn: Connection, project_id: int) -> int:
    """Number of the project's newest round; 0 before the first."""
    query = select(func.max(round_.c.number)).where(round_.c.project_id == project_id)
    return conn.execute(query).scalar() or 0


def add_round(conn: Connection, values: Mapping[str, Any]) -> int:
    """Add a round that nothing has run yet, and return its id.

    Args:
        conn: a write transaction.
        values: column -> value, but for `created_at`; the plan holds PLUGIN or LISTED at most.
    """
    return int(seals.insert(conn, round_, {**values, "created_at": now()}))


def is_planned(plan: Mapping[str, Any]) -> bool:
    """Whether an attempt has made the plan complete."""
    return bool(plan.keys() - {PLUGIN, LISTED})


def round_columns(conn: Connection, round_id: int) -> dict[str, Any]:
    """A round's row, every column by its name."""
    return _as_today(conn.execute(select(round_).where(round_.c.id == round_id)).mappings().one())


def rounds_with_jobs(conn: Connection, project_id: int) -> list[dict[str, Any]]:
    """The project's rounds, newest first, every column by its name.

    With `state`, `step`, `total`, `error` and `started_at` of their jobs.
    """
    query = (
        select(round_, job.c.state, job.c.step, job.c.total, job.c.error, job.c.started_at)
        .join(job, job.c.id == round_.c.job_id)
        .where(round_.c.project_id == project_id)
        .order_by(round_.c.number.desc())
    )
    return [_as_today(row) for row in conn.execute(query).mappings()]


def change_round(conn: Connection, round_id: int, values: Mapping[str, Any]) -> None:
    """Change columns of a round's row."""
    seals.update(conn, round_, [round_.c.id == round_id], values)


def keep_pixels(conn: Connection, project_id: int, segments: Sequence[str]) -> set[str]:
    """Let rounds that have begun and not finished go on with the pixels that they began with.

    Args:
        conn: the transaction in which the project gets other pixels.
        project_id: the project.
        segments: paths of those that it has until then; for plans of an earlier version.

    Returns:
        The paths that such rounds need.
    """
    begun = select(round_.c.id, round_.c.plan).where(
        round_.c.project_id == project_id, round_.c.probabilities.is_(None)
    )
    needed: set[str] = set()
    for row in conn.execute(begun).all():
        if is_planned(row.plan):
            plan = {PIXELS: list(segments), **row.plan}
            change_round(conn, row.id, {"plan": plan})
            needed |= set(plan[PIXELS])
    return needed


def forbidden_now(standing: Standing, class_ids: Sequence[int], count: int) -> NDArray[np.bool_]:
    """What a round must not propose: classes that readers ruled out, and those retired since.

    Args:
        standing: what is decided by now, of at least `count` images.
        class_ids: (C,) what the round's columns mean.
        count: N, so many images it covers.

    Returns:
        (N, C) bool in the round's columns.
    """
    table = np.ones((count, len(class_ids)), dtype=bool)
    live = standing.class_ids.tolist()
    for column, known in enumerate(class_ids):
        if known in live:
            table[:, column] = standing.forbidden[:count, live.index(known)]
    return table


def forbidden_at(
    conn: Connection, project_id: int, class_ids: Sequence[int], positions: Positions
) -> NDArray[np.bool_]:
    """As `forbidden_now`, of a few images: (q, C) bool for (q,) positions."""
    table = np.zeros((len(positions), len(class_ids)), dtype=np.bool_)
    row_of = {position: row for row, position in enumerate(positions.tolist())}
    column_of = {each: column for column, each in enumerate(class_ids)}
    query = select(forbidden_class.c.position, forbidden_class.c.class_id).where(
        forbidden_class.c.project_id == project_id,
        forbidden_class.c.position.in_(list(row_of)),
    )
    for position, class_id in conn.execute(query):
        if class_id in column_of:
            table[row_of[position], column_of[class_id]] = True
    return table | ~in_use(conn, project_id, class_ids)


def in_use(conn: Connection, project_id: int, class_ids: Sequence[int]) -> NDArray[np.bool_]:
    """(C,) bool: False for a round's classes that are retired by now."""
    return np.isin(class_ids, [each.id for each in classes(conn, project_id)])


def _with_snapshots() -> Select[Any]:
    its = [
        column.label(f"{_FROZEN}{column.name}") for column in snapshot.c if column.name != "seal"
    ]
    return select(round_, *its).join(snapshot, snapshot.c.id == round_.c.snapshot_id)


def _as_today(row: RowMapping) -> dict[str, Any]:
    """A row of a round whose method and options are called as they are by now.

    What is stored is sealed and stays as it is. FixMatch had the thresholds of two other methods as
    an option once; such rounds are theirs, and train and resume as they would have.
    """
    values = dict(row)
    if row["method"] != "fixmatch" or "threshold" not in row["config"]:
        return values
    config = dict(row["config"])
    values["method"] = FORMERLY_FIXMATCH.get(config.pop("threshold"), "fixmatch")
    weight = config.pop("lambda_f", 0.0)
    if values["method"] == "freematch":
        del config["tau"]
        config |= {"lambda_f": weight, "momentum": 0.999}  # which was no option
    return {**values, "config": config}


def _values(row: RowMapping) -> dict[str, Any]:
    """The fields of a StoredRound."""
    known = _as_today(row)
    values = {name: known[name] for name in StoredRound.__dataclass_fields__ if name != "snapshot"}
    frozen = {name: row[f"{_FROZEN}{name}"] for name in SnapshotRow.__dataclass_fields__}
    return values | {"metrics": row["metrics"] or {}, "snapshot": SnapshotRow(**frozen)}
