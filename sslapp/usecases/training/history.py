"""The rounds so far, each with what it was, what it made and what became of that."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from sslapp.methods.cards import CARDS
from sslapp.rounds import NOT_EXACTLY
from sslapp.store.database import reading
from sslapp.store.log.events import head
from sslapp.store.schema import current_label, event, job, round_, snapshot
from sslapp.usecases.access import Access, require
from sslapp.usecases.jobs import may_control
from sslapp.usecases.training.metrics import Course, courses
from sslapp.usecases.training.rounds import round_row
from sslapp.vocabulary import JobState, Source


@dataclass(frozen=True, kw_only=True)
class RoundLine:
    """One line of the table of rounds.

    Attributes:
        accuracy: share of the holdout it got right; None without a holdout or before its end.
        holdout: how many images it was measured on.
        seconds: how long it took, if it ended.
    """

    number: int
    state: JobState
    method: str
    gear: str
    seed: int
    snapshot: str
    labelled: int
    holdout: int
    accuracy: float | None
    ece_before: float | None
    ece_after: float | None
    calibrated: bool
    seconds: float | None


@dataclass(frozen=True)
class History:
    """The rounds of a project.

    Attributes:
        lines: newest first.
        accepted: round number -> images whose current label is its accepted pseudo-label.
        event: number of the project's newest event.
    """

    lines: list[RoundLine]
    accepted: dict[int, int]
    event: int


@dataclass(frozen=True, kw_only=True)
class Detail:
    """One round in full.

    Attributes:
        config: its options.
        defaults: those of its method today; {} for a method that the program no longer has.
        counts: of its snapshot, see store.snapshots.SnapshotRow.
        courses: name -> [(step, value), ...].
        controllable: whether the reader may cancel and resume it.
        resumable, inexactly: whether the reader can let it go on, and whether only by accepting
            other rounding.
    """

    number: int
    state: JobState
    method: str
    gear: str
    seed: int
    encoder: str | None
    config: dict[str, Any]
    defaults: dict[str, Any]
    plan: dict[str, Any]
    metrics: dict[str, Any]
    snapshot: str
    event: int
    counts: dict[str, Any]
    courses: dict[str, Course]
    steps: int
    error: str | None
    attempt: int
    controllable: bool

    @property
    def changed(self) -> dict[str, Any]:
        """The options that differ from the defaults."""
        return {
            name: value for name, value in self.config.items() if self.defaults.get(name) != value
        }

    @property
    def resumable(self) -> bool:
        """Whether it stopped before its end and the reader may let it go on."""
        return self.controllable and self.state in (JobState.FAILED, JobState.CANCELLED)

    @property
    def inexactly(self) -> bool:
        """Whether it was refused to go on because this machine would round differently."""
        return self.state == JobState.FAILED and NOT_EXACTLY in (self.error or "")


def history(access: Access, project_id: int) -> History:
    """Every round of the project."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        return History(
            lines=read_lines(conn, project_id),
            accepted=_accepted(conn, project_id),
            event=head(conn, project_id)[0],
        )


def read_lines(conn: Connection, project_id: int) -> list[RoundLine]:
    """Every round of the project, newest first, in an open transaction."""
    query = (
        select(
            round_,
            snapshot.c.hash,
            snapshot.c.counts,
            job.c.state,
            job.c.started_at,
            job.c.finished_at,
        )
        .join(job, job.c.id == round_.c.job_id)
        .join(snapshot, snapshot.c.id == round_.c.snapshot_id)
        .where(round_.c.project_id == project_id)
        .order_by(round_.c.number.desc())
    )
    return [_line(row) for row in conn.execute(query).mappings()]


def _line(row: RowMapping) -> RoundLine:
    metrics = row["metrics"] or {}
    return RoundLine(
        number=row["number"],
        state=JobState(row["state"]),
        method=row["method"],
        gear=row["gear"],
        seed=row["seed"],
        snapshot=row["hash"],
        labelled=row["counts"]["labelled"],
        holdout=metrics.get("holdout", 0),
        accuracy=metrics.get("holdout_accuracy"),
        ece_before=metrics.get("ece_before"),
        ece_after=metrics.get("ece_after"),
        calibrated=metrics.get("calibrated", False),
        seconds=metrics.get("seconds", _between(row["started_at"], row["finished_at"])),
    )


def _between(started: datetime | None, finished: datetime | None) -> float | None:
    if started is None or finished is None or finished < started:
        return None
    return (finished - started).total_seconds()


def _accepted(conn: Connection, project_id: int) -> dict[int, int]:
    rows = conn.execute(
        select(round_.c.number, func.count().label("accepted"))
        .select_from(current_label)
        .join(
            event,
            (event.c.project_id == current_label.c.project_id)
            & (event.c.number == current_label.c.event_number),
        )
        .join(round_, round_.c.id == event.c.round_id)
        .where(current_label.c.project_id == project_id, current_label.c.source == Source.ACCEPTED)
        .group_by(round_.c.number)
    )
    return {row.number: row.accepted for row in rows}


def detail(access: Access, project_id: int, number: int) -> Detail:
    """One round in full.

    Raises:
        ValueError: when there is no such round.
    """
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        row = round_row(conn, project_id, number)
        frozen = conn.execute(select(snapshot).where(snapshot.c.id == row["snapshot_id"])).one()
        told = courses(conn, row["id"])
        controllable = may_control(conn, access, project_id, row["reader_id"])
    card = CARDS.get(row["method"])
    return Detail(
        number=number,
        state=JobState(row["state"]),
        method=row["method"],
        gear=row["gear"],
        seed=row["seed"],
        encoder=row["encoder"],
        config=row["config"],
        defaults={} if card is None else card.options().model_dump(mode="json"),
        plan=row["plan"],
        metrics=row["metrics"] or {},
        snapshot=frozen.hash,
        event=frozen.event_number,
        counts=frozen.counts,
        courses=told,
        steps=max((course[-1][0] for course in told.values()), default=0),
        error=row["error"],
        attempt=row["attempt"],
        controllable=controllable,
    )
