"""A round whose worker dies anywhere ends like one that nobody disturbed, bit for bit."""

import os
import signal
import subprocess
import sys

import killing
import numpy as np
import pytest
import small_project
from doomed import WORKER
from job_folders import attempt_folder

from sslapp.jobs.queue import MAX_ATTEMPTS
from sslapp.usecases.jobs import job_status
from sslapp.usecases.training.rounds import round_status
from sslapp.vocabulary import JobState

pytestmark = pytest.mark.timeout(180)  # processes by the dozen; minutes on a busy machine

LONG = 70
"""Steps of a training that can be killed between two of them."""
LATEST = 40
"""The last of them at which it is: whoever looks for it may be late by many steps."""
MIDDLE = 12
"""Steps of a training that is killed before, in and after it."""
SHORT = 3
"""Steps of a training all of whose points are tried."""
SHARDS = 4
KILLS = 12
"""Of the workers at random moments; the pages' are in `usecases`."""


@pytest.mark.parametrize("number", range(3))
def test_killed_at_random_steps_it_ends_the_same(
    number, launcher, waiting, assert_undisturbed
) -> None:
    rng = np.random.default_rng([17, number])
    steps = np.sort(rng.choice(np.arange(1, LATEST), MAX_ATTEMPTS - 1, replace=False))
    access = waiting(LONG)
    for step in steps.tolist():
        worker = launcher.start(access.workspace.root, WORKER)
        small_project.wait_for_step(access, step)
        os.kill(worker, signal.SIGKILL)
        assert launcher.wait() == -signal.SIGKILL
    assert launcher.run(access.workspace.root, WORKER) == 0
    assert round_status(access, None)["attempt"] == MAX_ATTEMPTS
    stages = [
        attempt_folder(access.workspace, access.engine, 3, attempt) / "stages"
        for attempt in (1, MAX_ATTEMPTS)
    ]
    assert list(stages[0].rglob("checkpoint-*.safetensors")), "nothing to resume from"
    assert_undisturbed(access, LONG)


def test_killed_at_random_moments_it_ends_the_same(launcher, waiting, undisturbed) -> None:
    rng, tally = np.random.default_rng(29), killing.Tally()
    ending = undisturbed(MIDDLE)
    while tally.workers < KILLS:
        killing.kill_round(launcher, waiting(MIDDLE), ending=ending, rng=rng, tally=tally)
    assert not tally.problems
    assert tally.identical == tally.rounds


def test_a_worker_process_as_it_is_ends_a_killed_round_the_same(
    launcher, waiting, assert_undisturbed
) -> None:
    access = waiting(LONG)
    killed = launcher.start(access.workspace.root, WORKER)
    small_project.wait_for_step(access, 15)
    os.kill(killed, signal.SIGKILL)
    assert launcher.wait() == -signal.SIGKILL
    environment = {**os.environ, "SSLAPP_WORKSPACE": str(access.workspace.root)}
    # without a test's launcher and its checkpoint spacing
    subprocess.run([sys.executable, "-m", "sslapp", *WORKER], env=environment, check=True)
    assert round_status(access, None)["attempt"] == 2
    assert_undisturbed(access, LONG)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_at_every_write_rename_and_commit_it_ends_the_same(
    shard, launcher, waiting, undisturbed, assert_undisturbed
) -> None:
    names = undisturbed(SHORT).points
    for point in range(1 + shard, 1 + len(names), SHARDS):
        access = waiting(SHORT)
        root = access.workspace.root
        assert launcher.run(root, WORKER, die_at=point) == -signal.SIGKILL, names[point - 1]
        small_project.run_jobs(access)
        row = round_status(access, None)
        assert row["state"] == JobState.DONE, f"killed {names[point - 1]}: {row['error']}"
        assert_undisturbed(access, SHORT)


def test_the_points_cover_checkpoints_and_the_publication(undisturbed) -> None:
    names = set(undisturbed(SHORT).points)
    assert {
        "before commit",
        "after commit",
        "in checkpoint-1.safetensors",
        "after rename result.safetensors",
        "in probabilities.npy",
        "after rename probabilities.npy",
        "after fsync",
    } <= names


def test_a_round_that_kills_its_worker_every_time_fails_in_the_end(launcher, waiting) -> None:
    access = waiting(SHORT)
    for _ in range(MAX_ATTEMPTS):
        assert launcher.run(access.workspace.root, WORKER, die_at=12) == -signal.SIGKILL
    assert launcher.run(access.workspace.root, WORKER) == 0
    row = job_status(access, 3)
    assert (row["state"], row["attempt"]) == (JobState.FAILED, MAX_ATTEMPTS)
    assert "died 5 times" in row["error"]
