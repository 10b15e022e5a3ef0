"""Live work: the jobs that wait, run or failed last, with what they report meanwhile."""

import hashlib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping

from sslapp.jobs import history, queue
from sslapp.rounds import RoundPhase
from sslapp.store import label_classes, reports, rounds
from sslapp.store.database import reading
from sslapp.store.reports import Curve
from sslapp.store.rounds import StoredRound
from sslapp.training.configuration import steps_of, trainings_of
from sslapp.training.loop import figures
from sslapp.usecases.access import Access, require
from sslapp.usecases.images.encoder_jobs import EncoderWork, work_of
from sslapp.usecases.jobs import eta, may_control
from sslapp.usecases.training.estimates import images_per_step
from sslapp.usecases.training.metrics import (
    GPU_MEMORY,
    PSEUDO_LABELS,
    SECONDS,
    THRESHOLDS,
    by_class,
    curves,
    latest,
    recent_rate,
)
from sslapp.vocabulary import FailureKind, JobKind, JobState

LOG_TAIL = 16_384
"""Bytes of a job's log that are read from its end."""

FAILURES = 3
"""Failures in a row that are told; the first of them is often the cause of the others."""


@dataclass(frozen=True, kw_only=True)
class LiveJob:
    """A job that waits, runs, or failed last.

    Attributes:
        controllable: whether the reader may cancel and resume it.
        ahead: jobs of any project that run or wait before it, while it is queued.
        round_number, method, config: of a round; else None and {}.
        failure: of which kind, where the reader may decide how a failed job goes on.
        eta: seconds left by its pace so far, or None.
        rate: steps a second of late, or None.
        memory: bytes its worker holds now and held at most; None when it is not on this machine.
        metrics: name -> [(step, value), ...] that a round reported; not what has its own place.
        pseudo_labels: class name -> (its colour, confident pseudo-labels a step, of late).
        thresholds: class name -> (its colour, confidence from which on its pseudo-labels count).
        holdout: labelled holdout images of a round's snapshot.
        steps: of a round's own trainings; `total` counts those that calibrate it as well.
        teaches: whether it trains an encoder on the project's images.
    """

    id: int
    project_id: int
    kind: JobKind
    state: JobState
    step: int
    total: int
    message: str
    attempt: int
    cancelling: bool
    error: str | None
    controllable: bool
    failure: FailureKind | None = None
    ahead: int = 0
    eta: float | None = None
    rate: float | None = None
    memory: tuple[int, int] | None = None
    gpu_memory: float | None = None
    round_number: int | None = None
    method: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    metrics: dict[str, Curve] = field(default_factory=dict)
    pseudo_labels: dict[str, tuple[str, float]] = field(default_factory=dict)
    thresholds: dict[str, tuple[str, float]] = field(default_factory=dict)
    holdout: int = 0
    steps: int = 0
    teaches: bool = False

    @property
    def images_per_second(self) -> float | None:
        """Images, each view counted, that it trains on in a second; None when unknown."""
        a_step = images_per_step(self.config)
        return None if self.rate is None or a_step is None else self.rate * a_step

    @property
    def latest(self) -> dict[str, float]:
        """Name -> the newest value of each metric."""
        return latest(self.metrics)

    @property
    def holdout_accuracy(self) -> tuple[float, int] | None:
        """The newest share of the holdout that it got right, and of how many images.

        None while it has reported none.
        """
        newest = self.latest
        if figures.ACCURACY not in newest:
            return None
        return newest[figures.ACCURACY], int(newest.get(figures.EVALUATED, self.holdout))


@dataclass(frozen=True)
class LiveJobs:
    """The project's live work.

    Attributes:
        active: running and queued jobs, oldest first.
        failed: the newest jobs if they failed, oldest first, at most FAILURES.
        worker_alive: whether a worker lives on this machine, or is at a job on another.
        stamp: changes when anything in it does, but for times and memory.
    """

    active: list[LiveJob]
    failed: list[LiveJob]
    worker_alive: bool
    stamp: str = ""

    @property
    def signature(self) -> tuple[tuple[int, str], ...]:
        """Changes when a job starts, ends, or joins: then the rest of the page is out of date."""
        return tuple((each.id, each.state) for each in self.active)


def live_stamp(access: Access, project_id: int) -> str:
    """The stamp of the present LiveJobs, without reading all of it."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        rows = history.active_jobs(conn, project_id)
        alive = queue.worker_seen(conn, access.workspace)
    return _stamp(rows, alive)


def live_jobs(access: Access, project_id: int) -> LiveJobs:
    """What runs and waits in the project; cheap enough to ask every second."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        active = history.active_jobs(conn, project_id)
        newest = history.newest_jobs(conn, project_id, FAILURES)
        failed = list(takewhile(lambda row: row["state"] == JobState.FAILED, newest))[::-1]
        alive = queue.worker_seen(conn, access.workspace)
        runs = rounds.rounds_of_jobs(conn, [row["id"] for row in (*active, *failed)])
        return LiveJobs(
            active=[_live_job(conn, access, row, runs.get(row["id"])) for row in active],
            failed=[_live_job(conn, access, row, runs.get(row["id"])) for row in failed],
            worker_alive=alive,
            stamp=_stamp(active, alive),
        )


def _stamp(rows: Sequence[RowMapping], worker_alive: bool) -> str:
    # what a round reports is written together with its step
    told = ("id", "state", "step", "total", "message", "attempt", "cancel")
    seen = (worker_alive, *(tuple(row[name] for name in told) for row in rows))
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


def _live_job(
    conn: Connection, access: Access, row: RowMapping, runs: StoredRound | None
) -> LiveJob:
    found = LiveJob(
        id=row["id"],
        project_id=row["project_id"],
        kind=JobKind(row["kind"]),
        state=JobState(row["state"]),
        step=row["step"],
        total=row["total"],
        message=row["message"],
        attempt=row["attempt"],
        cancelling=row["cancel"],
        error=row["error"],
        failure=queue.failure_of(row),
        controllable=row["kind"] != JobKind.REMOVAL
        and may_control(conn, access, row["project_id"], row["reader_id"]),
        ahead=history.count_ahead(conn, row["id"]) if row["state"] == JobState.QUEUED else 0,
        eta=_eta(row, None),
        memory=_memory(row) if row["state"] == JobState.RUNNING else None,
        teaches=row["kind"] == JobKind.EMBED and work_of(row["params"]) is EncoderWork.OWN,
    )
    return found if runs is None else _with_round(conn, found, row, runs)


def _own_steps(runs: StoredRound) -> int:
    """Steps of the round's own trainings, not of those that calibrate it; 0 where it takes none."""
    if "steps" not in runs.config:
        return 0
    counts = runs.snapshot.counts
    each = steps_of(runs.config, counts["labelled"] + counts["pool"])
    return trainings_of(runs.config) * each


def _with_round(conn: Connection, found: LiveJob, row: RowMapping, runs: StoredRound) -> LiveJob:
    """The job with what the round that it runs is and reported."""
    metrics = curves(conn, runs.id)
    seconds, gpu = metrics.pop(SECONDS, []), metrics.pop(GPU_MEMORY, [])
    rate = recent_rate(seconds) if found.state == JobState.RUNNING else None
    classes = label_classes.classes(conn, found.project_id, retired=True) if metrics else []
    newest = reports.newest_report(conn, runs.id) if metrics else {}
    return replace(
        found,
        eta=_eta(row, rate),
        rate=rate,
        gpu_memory=gpu[-1][1] if gpu else None,
        round_number=runs.number,
        method=runs.method,
        config=runs.config,
        steps=_own_steps(runs),
        metrics=metrics,
        pseudo_labels=by_class(newest, PSEUDO_LABELS, runs.class_ids, classes),
        thresholds=by_class(newest, THRESHOLDS, runs.class_ids, classes),
        holdout=runs.snapshot.counts.get("validation", 0),
    )


def _eta(row: RowMapping, rate: float | None) -> float | None:
    # their pace is not that of the steps
    if row["message"] in (RoundPhase.READING, RoundPhase.PREDICTING, RoundPhase.MAPPING):
        return None
    if rate and row["message"] == RoundPhase.TRAINING:
        return float((row["total"] - row["step"]) / rate)
    if row["kind"] == JobKind.ROUND and row["attempt"] > 1:  # it did not begin with step 0
        return None
    return eta(row["state"], row["step"], row["total"], row["started_at"])


def _memory(row: RowMapping) -> tuple[int, int] | None:
    if row["host"] != socket.gethostname():
        return None
    try:
        status = Path(f"/proc/{row['pid']}/status").read_text()
    except OSError:  # it has just ended, or this is no Linux
        return None
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    if "VmRSS" not in fields or "VmHWM" not in fields:
        return None
    now, most = (int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    return now, most


def log_tail(access: Access, job_id: int, lines: int = 40) -> str:
    """The last lines of the log of a job's newest attempt; "" when there is none yet."""
    with reading(access.engine) as conn:
        row = queue.read_job(conn, job_id)
        require(conn, access, row["project_id"])
    path = access.workspace.attempt(row["folder"], row["attempt"]) / "log.jsonl"
    if not path.exists():
        return ""
    with open(path, "rb") as file:
        file.seek(max(path.stat().st_size - LOG_TAIL, 0))
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])
