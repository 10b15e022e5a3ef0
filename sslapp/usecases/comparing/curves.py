"""How rounds trained: the figures they reported step by step, and the film of their embedding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, select

from sslapp.rounds import frames
from sslapp.rounds.frames import Film
from sslapp.store.database import reading
from sslapp.store.log.chain import now
from sslapp.store.schema import job, round_, round_metric
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, require
from sslapp.vocabulary import JobState


@dataclass(frozen=True)
class Reports:
    """What a round reported so far.

    Attributes:
        number, method, state: of the round.
        figures: name -> (steps, values), ascending.
        pace: seconds a step, on average; 0 before the first.
    """

    number: int
    method: str
    state: JobState
    figures: Mapping[str, tuple[list[int], list[float]]]
    pace: float


def reports(access: Access, project_id: int, numbers: Sequence[int]) -> list[Reports]:
    """The reports of these rounds, finished or not, in the order of their numbers."""
    query = (
        select(round_, job.c.state, job.c.started_at)
        .join(job, job.c.id == round_.c.job_id)
        .where(round_.c.project_id == project_id, round_.c.number.in_(list(numbers)))
        .order_by(round_.c.number)
    )
    values = (
        select(
            round_metric.c.round_id, round_metric.c.name, round_metric.c.step, round_metric.c.value
        )
        .join(round_, round_.c.id == round_metric.c.round_id)
        .where(round_.c.project_id == project_id, round_.c.number.in_(list(numbers)))
        .order_by(round_metric.c.step)
    )
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        rows = conn.execute(query).mappings().all()
        figures: dict[int, dict[str, tuple[list[int], list[float]]]] = {}
        for round_id, name, step, value in conn.execute(values):
            steps, course = figures.setdefault(round_id, {}).setdefault(name, ([], []))
            steps.append(step)
            course.append(value)
    return [_reports(row, figures.get(row["id"], {})) for row in rows]


def _reports(row: RowMapping, figures: dict[str, tuple[list[int], list[float]]]) -> Reports:
    state = JobState(row["state"])
    last = max((steps[-1] for steps, _ in figures.values()), default=0)
    seconds = (row["metrics"] or {}).get("seconds") or _since(row["started_at"])
    return Reports(row["number"], row["method"], state, figures, seconds / last if last else 0.0)


def _since(started: datetime | None) -> float:
    return (now() - started).total_seconds() if started else 0.0


def read_film(access: Access, project_id: int, number: int) -> Film | None:
    """The film of a round, without images that were drawn for the holdout and are still unlabelled;
    None where none was kept."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        mine = (round_.c.project_id == project_id) & (round_.c.number == number)
        folder = conn.execute(select(round_.c.frames).where(mine)).scalar_one_or_none()
        state = load_state(conn, project_id)
    if folder is None:
        return None
    film = frames.read(access.workspace.path(folder))
    seen = ~state.holdout[film.positions] | (state.labels[film.positions] >= 0)
    return Film(film.positions[seen], film.steps, film.xy[:, seen])
