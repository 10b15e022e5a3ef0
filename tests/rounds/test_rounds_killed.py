"""A round whose worker dies anywhere ends like one that nobody disturbed, bit for bit.

Of the points and moments an evenly spread part; `benchmarks/kills.py` has them all.
"""

import os
import signal
import subprocess
import sys

import killing
import numpy as np
import pytest
from doomed import WORKER
from job_folders import attempt_folder

from sslapp.jobs.queue import MAX_ATTEMPTS
from sslapp.usecases.jobs import job_status
from sslapp.usecases.training.rounds import round_status
from sslapp.vocabulary import JobState

pytestmark = pytest.mark.timeout(180)  # processes by the dozen; minutes on a busy machine

LONG = 40
"""Steps of a training that can be killed between two of them."""
LATEST = 20
"""The last of them at which it is: whoever looks for it may be late by many steps."""
MIDDLE = 12
"""Steps of a training that is killed before, in and after it."""
SHORT = 3
"""Steps of a training of whose points one in `EVERY` is tried."""
EVERY = 8
KILLS = 4
"""Of the workers at random moments; the pages' are in `usecases`."""


def test_killed_at_random_steps_and_finished_by_a_worker_as_it_is_it_ends_the_same(
    launcher, waiting, assert_undisturbed
) -> None:
    rng = np.random.default_rng(17)
    steps = np.sort(rng.choice(np.arange(1, LATEST), MAX_ATTEMPTS - 1, replace=False))
    access = waiting(LONG)
    killing.kill_at_steps(launcher, access, steps.tolist())
    environment = {**os.environ, "SSLAPP_WORKSPACE": str(access.workspace.root)}
    # without a test's launcher and its checkpoint spacing
    subprocess.run([sys.executable, "-m", "sslapp", *WORKER], env=environment, check=True)
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


def test_killed_at_writes_renames_and_commits_it_ends_the_same(
    launcher, waiting, undisturbed
) -> None:
    ending = undisturbed(SHORT)
    names = ending.points
    assert {
        "before commit",
        "after commit",
        "in checkpoint-1.safetensors",
        "after rename result.safetensors",
        "in probabilities.npy",
        "after rename probabilities.npy",
        "after fsync",
    } <= set(names)
    for point in killing.spread(len(names), EVERY, seed=7):
        differs = killing.kill_at_point(launcher, waiting(SHORT), point, ending=ending)
        assert differs is None, differs


def test_a_round_that_kills_its_worker_every_time_fails_in_the_end(launcher, waiting) -> None:
    access = waiting(SHORT)
    for _ in range(MAX_ATTEMPTS):
        assert launcher.run(access.workspace.root, WORKER, die_at=12) == -signal.SIGKILL
    assert launcher.run(access.workspace.root, WORKER) == 0
    row = job_status(access, 3)
    assert (row["state"], row["attempt"]) == (JobState.FAILED, MAX_ATTEMPTS)
    assert "died 5 times" in row["error"]
