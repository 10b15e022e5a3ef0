"""How rounds trained: the figures they reported step by step, and the film of their embedding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping

from sslapp.jobs import history
from sslapp.rounds import frames
from sslapp.rounds.frames import Film
from sslapp.store import reports, rounds
from sslapp.store.database import reading
from sslapp.store.log.chain import now
from sslapp.store.reports import Curve
from sslapp.store.rounds import StoredRound
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, require
from sslapp.usecases.training.metrics import BY_CLASS
from sslapp.vocabulary import JobState


@dataclass(frozen=True)
class TrainingCurves:
    """What a round reported so far.

    Attributes:
        number, method, state: of the round.
        curves: name -> [(step, value), ...] by step, without those of each class.
        pace: seconds a step, on average; 0 before the first.
    """

    number: int
    method: str
    state: JobState
    curves: Mapping[str, Curve]
    pace: float


def training_curves(
    access: Access, project_id: int, numbers: Sequence[int]
) -> list[TrainingCurves]:
    """The curves of these rounds, finished or not, in the order of their numbers."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        found = [each for each in rounds.all_rounds(conn, project_id) if each.number in numbers]
        jobs = history.jobs_by_id(conn, [each.job_id for each in found])
        reported = reports.curves(conn, [each.id for each in found], without=BY_CLASS)
    return [_training_curves(each, jobs[each.job_id], reported[each.id]) for each in found]


def _training_curves(
    found: StoredRound, job: RowMapping, curves: dict[str, Curve]
) -> TrainingCurves:
    last = max((curve[-1][0] for curve in curves.values()), default=0)
    seconds = found.metrics.get("seconds") or _since(job["started_at"])
    return TrainingCurves(
        number=found.number,
        method=found.method,
        state=JobState(job["state"]),
        curves=curves,
        pace=seconds / last if last else 0.0,
    )


def _since(started: datetime | None) -> float:
    return (now() - started).total_seconds() if started else 0.0


def read_film(access: Access, project_id: int, number: int) -> Film | None:
    """The film of a round, without images that were drawn for the holdout and are still unlabelled;
    None where none was kept."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        found = [each for each in rounds.all_rounds(conn, project_id) if each.number == number]
        state = load_state(conn, project_id)
    if not found or found[0].frames is None:
        return None
    film = frames.read(access.workspace.path(found[0].frames))
    seen = ~state.holdout[film.positions] | (state.labels[film.positions] >= 0)
    return Film(film.positions[seen], film.steps, film.xy[:, seen])
