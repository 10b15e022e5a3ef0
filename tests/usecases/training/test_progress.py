"""Live work as a page is told of it: speed, time left, memory, pseudo-labels, what waits."""

import os

import pytest
import small_project
from sqlalchemy import insert, update

from sslapp.jobs import queue
from sslapp.store.database import writing
from sslapp.store.schema import job, round_metric
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.training.metrics import recent_rate
from sslapp.usecases.training.progress import live_jobs, live_stamp
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import FailureKind, JobState


def report(access, step: int, **values: float) -> None:
    with writing(access.engine) as conn:
        rows = [
            {"round_id": 1, "step": step, "name": name.replace("__", "/"), "value": value}
            for name, value in values.items()
        ]
        conn.execute(insert(round_metric), rows)


def beat(access, held, step: int, total: int, message: str = "training") -> None:
    with writing(access.engine) as conn:
        queue.beat(conn, held, step, total, message)


@pytest.fixture
def running(project):
    """Access to a project whose FixMatch round this process has claimed, and the claim."""
    start_round(project, None, config={**small_project.TINY, "steps": 100})
    held = queue.claim(project.engine, os.getpid())
    assert held is not None
    return project, held


@pytest.mark.parametrize(
    ("curve", "rate"),
    [
        ([], None),
        ([(10, 4.0)], None),
        ([(10, 4.0), (20, 6.0)], 5),
        ([(step, 2.0 * step) for step in range(100)], 0.5),
        # the last ten intervals count
        ([(1, 0.0), *((step, 100.0 + step) for step in range(2, 13))], 1),
        # a resumed attempt began at 0 seconds again
        ([(10, 50.0), (20, 90.0), (30, 3.0), (40, 5.0)], 5),
        ([(10, 50.0), (20, 3.0)], None),
    ],
)
def test_speed_is_that_of_the_last_reports_of_this_attempt(curve, rate) -> None:
    assert recent_rate(curve) == (None if rate is None else pytest.approx(rate))


def test_time_left_and_images_a_second_follow_from_the_speed(running) -> None:
    access, held = running
    for step, seconds in ((10, 7.0), (20, 9.0)):
        report(access, step, seconds=seconds, loss=1.0)
    beat(access, held, 20, 100)
    (work,) = live_jobs(access, 1).active
    assert work.rate == pytest.approx(5)
    assert work.eta == pytest.approx(80 / 5)
    assert work.images_per_second == pytest.approx(5 * 8 * (1 + 2 * 2))
    assert "seconds" not in work.metrics
    beat(access, held, 20, 160, "predicting")
    assert live_jobs(access, 1).active[0].eta is None


def test_a_resumed_round_is_not_taken_to_have_begun_at_step_0(running) -> None:
    access, held = running
    beat(access, held, 60, 100)
    with writing(access.engine) as conn:
        conn.execute(update(job).where(job.c.id == held.job_id).values(attempt=2))
    assert live_jobs(access, 1).active[0].eta is None


def test_pseudo_labels_are_the_newest_report_s_by_class(running) -> None:
    access, held = running
    report(access, 10, loss=1.0, pseudo_labels__0=9.0, pseudo_labels__3=9.0)
    report(access, 20, loss=0.5, pseudo_labels__0=0.5, pseudo_labels__3=2.0)
    beat(access, held, 20, 100)
    (work,) = live_jobs(access, 1).active
    assert {name: value for name, (_, value) in work.pseudo_labels.items()} == {"0": 0.5, "3": 2.0}
    assert work.pseudo_labels["0"][0].startswith("#")
    assert list(work.metrics) == ["loss"]


def test_the_worker_s_memory_is_told_where_it_can_be_seen(running) -> None:
    access, held = running
    memory = live_jobs(access, 1).active[0].memory
    assert memory is not None
    now, most = memory
    assert 1e7 < now <= most
    with writing(access.engine) as conn:
        conn.execute(update(job).where(job.c.id == held.job_id).values(host="elsewhere"))
    assert live_jobs(access, 1).active[0].memory is None


def test_the_pulse_beats_with_everything_that_moves(running) -> None:
    access, held = running
    seen = [live_jobs(access, 1).stamp]
    assert live_stamp(access, 1) == seen[0] == live_stamp(access, 1)
    beat(access, held, 20, 100)
    seen.append(live_stamp(access, 1))
    with writing(access.engine) as conn:
        queue.cancel(conn, held.job_id)
    seen.append(live_stamp(access, 1))
    embed(access, 1)
    seen.append(live_stamp(access, 1))
    with writing(access.engine) as conn:
        queue.fail(conn, held, "no")
    seen.append(live_stamp(access, 1))
    assert len(set(seen)) == len(seen)
    assert seen[-1] == live_jobs(access, 1).stamp


@pytest.mark.slow
def test_who_waits_knows_how_many_are_before_it(running) -> None:
    access, _ = running
    other = create_project(access, "Another", ["a", "b"])
    embed(access, other)
    start_round(access, 1, method="supervised")
    first, second = live_jobs(access, 1).active
    assert (first.state, second.state) == (JobState.RUNNING, JobState.QUEUED)
    assert (first.ahead, second.ahead) == (0, 2)


def test_a_round_that_waits_for_inexactness_is_told_apart(running) -> None:
    access, held = running
    with writing(access.engine) as conn:
        queue.fail(conn, held, "threads was 1 and would be 2.", FailureKind.INEXACT)
    (failed,) = live_jobs(access, 1).failed
    assert failed.failure is FailureKind.INEXACT
    assert not live_jobs(access, 1).active


def test_a_stranger_s_pulse_is_refused(project) -> None:
    eve = enter(project.workspace, "Eve")
    with pytest.raises(NotAllowed):
        live_stamp(eve, 1)
    eve.engine.dispose()


def test_a_rounds_own_steps_are_told_apart_from_those_that_calibrate_it(running) -> None:
    access, held = running
    beat(access, held, step=30, total=400)
    (work,) = live_jobs(access, 1).active
    assert (work.step, work.total, work.steps) == (30, 400, 100)
