"""Rounds that stop, are given up, cancelled, resumed, or meant for another machine."""

import os
import signal
import time
from datetime import timedelta

import numpy as np
import pytest
import small_project
from doomed import WORKER
from job_folders import attempt_folder
from old_snapshots import as_an_earlier_version_stored_it
from sqlalchemy import select, update

from sslapp import durable
from sslapp.store.database import reading, writing
from sslapp.store.embeddings import latest_embedding
from sslapp.store.integrity import seals
from sslapp.store.schema import round_, round_metric
from sslapp.store.snapshots import find_snapshot
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.jobs import job_status
from sslapp.usecases.maintenance.verification import verify_project
from sslapp.usecases.training.history import detail
from sslapp.usecases.training.rounds import cancel_round, resume_round, round_status, start_round
from sslapp.vocabulary import JobState

STEPS = 16
LONG = 40
"""Steps of a round that is met on its way: whoever looks for it may be late by many."""
TENSORS = (".safetensors", ".json", ".tmp")


@pytest.mark.slow
def test_a_stopped_worker_that_wakes_after_another_finished_writes_nothing(
    launcher, waiting, assert_undisturbed
) -> None:
    access = waiting(LONG)
    stopped = launcher.start(access.workspace.root, WORKER)
    small_project.wait_for_step(access, 10)
    os.kill(stopped, signal.SIGSTOP)
    time.sleep(0.2)
    small_project.run_jobs(access, hung_after=timedelta(seconds=0.1))
    row = job_status(access, 3)
    assert (row["state"], row["attempt"]) == (JobState.DONE, 2)
    own = attempt_folder(access.workspace, access.engine, 3)

    def files() -> dict:
        everything = access.workspace.root.rglob("*")
        # in its own folder it may finish the one file it was stopped in
        mine = {own / "log.jsonl", own / "views.safetensors"}
        mine |= {*(own / "frames").glob("*"), *(own / "stages/train").glob("*")}
        return {
            path: path.stat().st_mtime_ns
            for path in everything
            if path.is_file()
            and path not in mine
            and not (path.suffix == ".tmp" and own in path.parents)
            and path.suffix in (".npy", ".npz", *TENSORS)
        }

    before, head = files(), small_project.log(access)[-1].hash
    os.kill(stopped, signal.SIGCONT)
    assert launcher.wait() == 0
    assert files() == before
    assert "given up" in (own / "log.jsonl").read_text()
    assert job_status(access, 3) == row
    assert small_project.log(access)[-1].hash == head
    assert_undisturbed(access, LONG)


def test_with_another_thread_count_it_is_refused_and_resumes_exactly_with_the_planned_one(
    half_done, assert_undisturbed
) -> None:
    small_project.run_jobs(half_done, threads=2)
    row = round_status(half_done, None)
    assert row["state"] == JobState.FAILED
    assert "threads was 1 and would be 2" in row["error"]
    assert "--inexact" in row["error"]
    assert row["probabilities"] is None
    resume_round(half_done, None)
    small_project.run_jobs(half_done, threads=1)
    assert "inexact" not in round_status(half_done, None)["plan"]
    assert_undisturbed(half_done, STEPS)
    with reading(half_done.engine) as conn:
        query = select(round_metric.c.step).where(round_metric.c.name == "loss")
        steps = conn.execute(query.order_by(round_metric.c.step)).scalars().all()
    assert steps == list(range(1, STEPS + 1)), "its curve has every step once"


@pytest.mark.slow
def test_inexact_goes_on_and_the_plan_records_what_differed(half_done) -> None:
    small_project.run_jobs(half_done, threads=2)
    resume_round(half_done, None, inexact=True)
    small_project.run_jobs(half_done, threads=2)
    row = round_status(half_done, None)
    assert row["state"] == JobState.DONE
    assert row["plan"]["threads"] == 2
    assert row["plan"]["inexact"] == ["threads was 1 and would be 2"]


def test_every_inexact_resumption_stays_on_record(half_done) -> None:
    plan = round_status(half_done, None)["plan"]
    other = {**plan, "processor": "Another", "inexact": ["numpy was 1.0 and would be 2.0"]}
    with writing(half_done.engine) as conn:
        conn.execute(update(round_).values(plan=other))
    small_project.run_jobs(half_done)
    resume_round(half_done, None, inexact=True)
    small_project.run_jobs(half_done)
    recorded = round_status(half_done, None)["plan"]["inexact"]
    assert recorded[0] == "numpy was 1.0 and would be 2.0"
    assert recorded[1].startswith("processor was Another")


@pytest.mark.slow
def test_a_cancelled_round_resumes_from_its_checkpoint_and_ends_the_same(
    launcher, waiting, assert_undisturbed
) -> None:
    access = waiting(LONG)
    launcher.start(access.workspace.root, WORKER)
    small_project.wait_for_step(access, 10)
    assert cancel_round(access, None) == JobState.RUNNING
    assert launcher.wait() == 0
    row = round_status(access, None)
    assert (row["state"], row["probabilities"]) == (JobState.CANCELLED, None)
    assert 10 <= row["step"] < LONG
    resume_round(access, None)
    small_project.run_jobs(access)
    assert_undisturbed(access, LONG)


def test_a_round_keeps_the_features_it_was_started_with(project) -> None:
    for _ in range(2):
        start_round(project, None, method="supervised", gear="features")
    assert cancel_round(project, None) == JobState.CANCELLED  # the first attempt at round 2
    embed(project, None)
    small_project.run_jobs(project)
    with reading(project.engine) as conn:
        newest = latest_embedding(conn, 1)
    assert newest is not None and newest["id"] == 2
    path = project.workspace.path(newest["features"])
    durable.write_array(path, np.array(durable.read_array(path))[::-1].copy())
    resume_round(project, None)
    small_project.run_jobs(project)
    first, second = (small_project.published(project, number)[0] for number in (1, 2))
    assert first.tobytes() == second.tobytes()


@pytest.mark.slow
def test_a_round_on_a_snapshot_of_an_earlier_version_resumes_and_is_compared_with(project) -> None:
    config = {**small_project.TINY_SUPERVISED, "steps": 4}
    start_round(project, None, method="supervised", config=config)
    with writing(project.engine) as conn:
        row = find_snapshot(conn, round_status(project, None, 1)["snapshot_id"])
        old = as_an_earlier_version_stored_it(conn, project.workspace, row)
    cancel_round(project, None, 1)
    resume_round(project, None, 1)
    start_round(project, None, method="supervised", config=config, same_as=1)
    start_round(project, None, method="supervised", config=config)
    small_project.run_jobs(project)
    used = [round_status(project, None, number)["snapshot_id"] for number in (1, 2, 3)]
    assert used == [old.id, old.id, old.id + 1]
    one, *others = (small_project.published(project, number)[0] for number in (1, 2, 3))
    assert all(each.tobytes() == one.tobytes() for each in others)
    assert verify_project(project, None).ok


@pytest.mark.slow
def test_a_round_of_fixmatchs_former_threshold_resumes_as_flexmatch(project) -> None:
    tiny = {**small_project.TINY, "steps": 4}
    start_round(project, None, method="flexmatch", config=tiny)
    start_round(project, None, method="flexmatch", config=tiny, same_as=1)
    cancel_round(project, None, 2)
    config = round_status(project, None, 2)["config"]
    del config["threshold_warm_up"]
    stored = {**config, "threshold": "flexible", "lambda_f": 0.0}
    with writing(project.engine) as conn:
        values = {"method": "fixmatch", "config": stored}
        seals.update(conn, round_, [round_.c.number == 2], values)
    resume_round(project, None, 2)
    small_project.run_jobs(project)
    one, other = (small_project.published(project, number)[0] for number in (1, 2))
    assert one.tobytes() == other.tobytes()
    shown = detail(project, 1, 2)
    assert (shown.state, shown.method, shown.config) == (JobState.DONE, "flexmatch", config)
    assert shown.config.items() <= shown.defaults.items() | tiny.items()
    assert verify_project(project, None).ok


def test_a_diverged_training_fails_with_the_reason_and_publishes_nothing(project) -> None:
    start_round(project, None, config={**small_project.TINY, "steps": 60, "learning_rate": 10})
    # a learning rate of 10 need not diverge on every processor, so the weights are made to
    from sslapp.training.loop import steps as loop

    step = loop.Loop.step
    try:
        loop.Loop.step = lambda self, number: {"loss": step(self, number)["loss"] * float("nan")}
        small_project.run_jobs(project)
    finally:
        loop.Loop.step = step
    row = round_status(project, None)
    assert (row["state"], row["probabilities"]) == (JobState.FAILED, None)
    assert "diverged" in row["error"]
    assert "lower learning rate" in row["error"]
