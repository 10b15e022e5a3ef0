"""The rounds so far, each with what it was, what it made and what became of that."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping

from sslapp.jobs import history as job_history
from sslapp.jobs import queue
from sslapp.methods.registry import CARDS
from sslapp.rounds import PASSED_OVER
from sslapp.store import labels, rounds
from sslapp.store.database import reading
from sslapp.store.embeddings import encoders_of
from sslapp.store.log.events import head
from sslapp.store.reports import Curve
from sslapp.store.rounds import StoredRound
from sslapp.training.loop import figures
from sslapp.usecases.access import Access, require
from sslapp.usecases.jobs import may_control
from sslapp.usecases.training.metrics import curves, latest
from sslapp.vocabulary import FailureKind, JobState
from sslapp.words import count


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
        encoders: whose features it was trained on, if it was.
        config: its options.
        defaults: those of its method today; {} for a method that the program no longer has.
        counts: of its snapshot, see store.snapshots.SnapshotRow.
        curves: name -> [(step, value), ...].
        controllable: whether the reader may cancel and resume it.
        failure: of which kind, where the reader may decide how a failed round goes on.
        resumable: whether the reader can let it go on.
    """

    number: int
    state: JobState
    method: str
    gear: str
    seed: int
    encoders: list[str]
    config: dict[str, Any]
    defaults: dict[str, Any]
    plan: dict[str, Any]
    metrics: dict[str, Any]
    snapshot: str
    event: int
    counts: dict[str, Any]
    curves: dict[str, Curve]
    steps: int
    error: str | None
    failure: FailureKind | None
    attempt: int
    controllable: bool

    @property
    def changed(self) -> dict[str, Any]:
        """The options that differ from the defaults."""
        return {
            name: value for name, value in self.config.items() if self.defaults.get(name) != value
        }

    @property
    def environment(self) -> dict[str, Any]:
        """What it was planned to run with: threads, numbers, versions."""
        apart = ("inexact", PASSED_OVER, rounds.PLUGIN, rounds.LISTED)
        return {name: value for name, value in self.plan.items() if name not in apart}

    @property
    def plugin(self) -> str:
        """The file that holds its method, as name and hash; "" without one."""
        found = self.plan.get(rounds.PLUGIN)
        return f"{Path(found['path']).name}, sha256 {found['sha256'][:12]}" if found else ""

    @property
    def listed(self) -> str:
        """The list that its predictions were read from; "" where they were not."""
        found = self.plan.get(rounds.LISTED)
        if not found:
            return ""
        images = count(found["images"], "image")
        return f"{found['file']}, {images}, sha256 {found['sha256'][:12]}"

    @property
    def inexact(self) -> list[str]:
        """How it was resumed in another environment than planned, a sentence each."""
        return self.plan.get("inexact", [])

    @property
    def passed_over(self) -> list[str]:
        """The damaged files that it found and did without, a sentence each."""
        return self.plan.get(PASSED_OVER, [])

    @property
    def holdout_sentences(self) -> list[str]:
        """What it reported about the holdout as it trained, and what that is worth."""
        return figures.sentences(latest(self.curves))

    @property
    def resumable(self) -> bool:
        """Whether it stopped before its end and the reader may let it go on."""
        return self.controllable and self.state in (JobState.FAILED, JobState.CANCELLED)


def history(access: Access, project_id: int) -> History:
    """Every round of the project."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        return History(
            lines=read_lines(conn, project_id),
            accepted=labels.accepted_labels(conn, project_id),
            event=head(conn, project_id)[0],
        )


def read_lines(conn: Connection, project_id: int) -> list[RoundLine]:
    """Every round of the project, newest first, in an open transaction."""
    found = rounds.all_rounds(conn, project_id)
    jobs = job_history.jobs_by_id(conn, [each.job_id for each in found])
    return [_line(each, jobs[each.job_id]) for each in reversed(found)]


def _line(found: StoredRound, job: RowMapping) -> RoundLine:
    metrics = found.metrics
    return RoundLine(
        number=found.number,
        state=JobState(job["state"]),
        method=found.method,
        gear=found.gear,
        seed=found.seed,
        snapshot=found.snapshot.hash,
        labelled=found.snapshot.counts["labelled"],
        holdout=metrics.get("holdout", 0),
        accuracy=metrics.get("holdout_accuracy"),
        ece_before=metrics.get("ece_before"),
        ece_after=metrics.get("ece_after"),
        calibrated=metrics.get("calibrated", False),
        seconds=metrics.get("seconds", _between(job["started_at"], job["finished_at"])),
    )


def _between(started: datetime | None, finished: datetime | None) -> float | None:
    if started is None or finished is None or finished < started:
        return None
    return (finished - started).total_seconds()


def detail(access: Access, project_id: int, number: int) -> Detail:
    """One round in full.

    Raises:
        ValueError: when there is no such round.
    """
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        found = rounds.find_round(conn, project_id, number)
        job = queue.read_job(conn, found.job_id)
        reported = curves(conn, found.id)
        controllable = may_control(conn, access, project_id, job["reader_id"])
        encoders = encoders_of(conn, found)
    card = CARDS.get(found.method)
    return Detail(
        number=number,
        state=JobState(job["state"]),
        method=found.method,
        gear=found.gear,
        seed=found.seed,
        encoders=encoders,
        config=found.config,
        defaults={} if card is None else card.options().model_dump(mode="json"),
        plan=found.plan,
        metrics=found.metrics,
        snapshot=found.snapshot.hash,
        event=found.snapshot.event_number,
        counts=found.snapshot.counts,
        curves=reported,
        steps=max((curve[-1][0] for curve in reported.values()), default=0),
        error=job["error"],
        failure=queue.failure_of(job),
        attempt=job["attempt"],
        controllable=controllable,
    )
