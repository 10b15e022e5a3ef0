"""The queue: who owns a job, how it ends, and what happens when its worker dies."""

import fcntl
import os
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from job_folders import attempt_folder
from sqlalchemy import update

from sslapp.jobs import queue
from sslapp.jobs.context import JobContext
from sslapp.jobs.lock import LifeLock, is_held
from sslapp.jobs.worker import JobRefused, work
from sslapp.store.database import open_database, reading, writing
from sslapp.store.errors import Damaged
from sslapp.store.projects import ProjectSettings, create_project
from sslapp.store.schema import job
from sslapp.usecases.jobs import eta
from sslapp.vocabulary import FailureKind, JobKind, JobState
from sslapp.workspace import Workspace


class Shop:
    """A workspace with a project, whose EXPORT jobs do what the test says."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(workspace=root)
        self.engine = open_database(self.workspace.url)
        with writing(self.engine) as conn:
            self.project_id = create_project(conn, "shop", ProjectSettings())

    def enqueue(self, **params: object) -> int:
        with writing(self.engine) as conn:
            return queue.enqueue(conn, self.project_id, JobKind.EXPORT, params)

    def row(self, job_id: int) -> dict:
        with reading(self.engine) as conn:
            return dict(queue.read_job(conn, job_id))

    def change(self, job_id: int, **values: object) -> None:
        with writing(self.engine) as conn:
            conn.execute(update(job).where(job.c.id == job_id).values(values))

    def work(self, handler, **options: object) -> int:
        return work(
            self.workspace,
            self.engine,
            {JobKind.EXPORT: handler},
            until_idle=True,
            **options,  # type: ignore[arg-type]
        )

    def reclaim(self, **options: object) -> list[int]:
        return queue.reclaim(self.engine, self.workspace, **options)  # type: ignore[arg-type]

    def cancel(self, job_id: int) -> JobState:
        with writing(self.engine) as conn:
            return queue.cancel(conn, job_id)


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path / "workspace")
    yield made
    made.engine.dispose()


def complete(context: JobContext) -> None:
    with context.finishing({"done": True}):
        pass


def test_jobs_run_in_order_with_their_parameters(shop) -> None:
    ids = [shop.enqueue(number=number) for number in range(3)]
    seen = []

    def handler(context: JobContext) -> None:
        seen.append(context.claim.params["number"])
        complete(context)

    assert shop.work(handler) == 3
    assert seen == [0, 1, 2]
    rows = [shop.row(each) for each in ids]
    assert {(row["state"], row["attempt"], row["result"]["done"]) for row in rows} == {
        (JobState.DONE, 1, True)
    }


def test_a_machine_runs_one_job_at_a_time(shop) -> None:
    shop.enqueue()
    shop.enqueue()
    assert queue.claim(shop.engine, 1) is not None
    assert queue.claim(shop.engine, 2) is None


def test_a_light_job_is_taken_beside_a_long_one_and_no_two_of_a_kind(shop) -> None:
    with writing(shop.engine) as conn:
        long, look, other = (
            queue.enqueue(conn, shop.project_id, each, {})
            for each in (JobKind.ROUND, JobKind.LOOK, JobKind.LOOK)
        )

    def claimed(**about):
        held = queue.claim(shop.engine, 1, **about)
        return None if held is None else held.job_id

    def waits() -> bool:
        with reading(shop.engine) as conn:
            return queue.light_waits(conn)

    assert not waits(), "the worker that takes all jobs will take it"
    assert claimed(light=True) == look
    assert claimed(light=True) is None, "one look at a time"
    assert (claimed(), waits()) == (long, False)
    shop.change(look, state=JobState.DONE)
    assert waits(), "it is queued, and the worker is at a round"
    assert claimed(light=True) == other
    assert claimed() is None


def test_a_queued_job_is_cancelled_at_once_and_never_runs(shop) -> None:
    job_id = shop.enqueue()
    assert shop.cancel(job_id) == JobState.CANCELLED
    assert shop.work(complete) == 0
    assert shop.row(job_id)["finished_at"] is not None


def test_a_running_job_is_cancelled_at_its_next_step(shop) -> None:
    job_id = shop.enqueue()
    steps = []

    def handler(context: JobContext) -> None:
        for step in range(1, 100):
            steps.append(step)
            if step == 3:
                assert shop.cancel(job_id) == JobState.RUNNING
                context._last_beat = 0.0  # half a second later
            context.progress(step, 100)
            context.check()
        complete(context)

    shop.work(handler)
    row = shop.row(job_id)
    assert (row["state"], row["result"], steps) == (JobState.CANCELLED, None, [1, 2, 3])


def test_cancelling_an_ended_job_changes_nothing(shop) -> None:
    job_id = shop.enqueue()
    shop.work(complete)
    before = shop.row(job_id)
    assert shop.cancel(job_id) == JobState.DONE
    assert shop.row(job_id) == before


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (JobRefused("Embed the images first."), "Embed the images first."),
        (ValueError("labels: none."), "labels: none."),
        (KeyError("x"), "KeyError('x')"),
        (Damaged("It is not what was written."), "It is not what was written."),
        (OSError(28, "No space", "a.png"), "The disk is full: a.png could not be written. Free"),
        (PermissionError(13, "Permission denied", "a.png"), "a.png: Permission denied."),
    ],
)
def test_a_failing_job_keeps_its_reason_and_the_worker_goes_on(shop, error, reason) -> None:
    failing, next_one = shop.enqueue(fails=True), shop.enqueue(fails=False)

    def handler(context: JobContext) -> None:
        if context.claim.params["fails"]:
            raise error
        complete(context)

    shop.work(handler)
    row = shop.row(failing)
    assert row["state"] == JobState.FAILED
    assert row["error"].startswith(reason)
    log = (attempt_folder(shop.workspace, shop.engine, failing) / "log.jsonl").read_text()
    assert "Traceback" in log
    assert shop.row(next_one)["state"] == JobState.DONE


def test_a_job_that_finds_no_place_for_its_files_is_failed(shop) -> None:
    first, second = shop.enqueue(), shop.enqueue()
    shop.workspace.jobs.mkdir(parents=True)
    (shop.workspace.jobs / shop.row(first)["folder"]).write_text("in the way")
    shop.work(complete)
    assert (shop.row(first)["state"], shop.row(second)["state"]) == (
        JobState.FAILED,
        JobState.DONE,
    )
    assert "Not a directory" in shop.row(first)["error"]


def test_a_log_that_cannot_be_written_stops_no_job(shop) -> None:
    job_id = shop.enqueue()
    folder = shop.workspace.attempt(shop.row(job_id)["folder"], 1)
    folder.mkdir(parents=True)
    (folder / "log.jsonl").symlink_to("/dev/full")  # every write: no space left on device
    shop.work(complete)
    assert shop.row(job_id)["state"] == JobState.DONE


def test_a_failure_is_of_the_kind_it_was_raised_with(shop) -> None:
    job_id = shop.enqueue()

    def refuse(context: JobContext) -> None:
        raise JobRefused("Threads differ.", FailureKind.INEXACT)

    def fail(context: JobContext) -> None:
        raise JobRefused("Embed the images first.")

    shop.work(refuse)
    assert queue.failure_of(shop.row(job_id)) is FailureKind.INEXACT
    with writing(shop.engine) as conn:
        queue.requeue(conn, job_id)
    assert queue.failure_of(shop.row(job_id)) is None, "it waits again"
    shop.work(fail)
    row = shop.row(job_id)
    assert (row["state"], queue.failure_of(row)) == (JobState.FAILED, None)


@pytest.mark.slow
def test_what_finishing_writes_vanishes_when_its_block_fails(shop) -> None:
    job_id = shop.enqueue()

    def handler(context: JobContext) -> None:
        with context.finishing({}) as conn:
            create_project(conn, "half", ProjectSettings())
            raise ValueError("no")

    shop.work(handler)
    assert shop.row(job_id)["state"] == JobState.FAILED
    with writing(shop.engine) as conn:
        create_project(conn, "half", ProjectSettings())  # the name is still free


def test_an_attempt_that_was_given_up_writes_nothing(shop) -> None:
    job_id = shop.enqueue()
    tried = []

    def handler(context: JobContext) -> None:
        shop.change(job_id, attempt=2)  # another worker owns it now
        for write in (
            lambda: context.progress(1, 2, also=lambda conn: tried.append("also")),
            lambda: complete(context),
        ):
            with pytest.raises(queue.GivenUp):
                write()
        context._last_beat = 0.0
        context.check()
        tried.append("went on")

    shop.work(handler, hung_after=timedelta(seconds=99))
    row = shop.row(job_id)
    assert tried == []
    assert (row["step"], row["result"], row["error"]) == (0, None, None)


def test_a_failure_of_a_given_up_attempt_does_not_reach_the_job(shop) -> None:
    job_id = shop.enqueue()

    def handler(context: JobContext) -> None:
        if context.claim.attempt == 1:
            shop.change(job_id, attempt=2)
            raise ValueError("too late")
        complete(context)

    shop.work(handler)
    assert shop.row(job_id)["error"] is None


def test_a_job_whose_worker_is_gone_is_queued_again_and_ends(shop) -> None:
    job_id = shop.enqueue()
    assert queue.claim(shop.engine, pid=2**22 - 1) is not None
    assert shop.reclaim() == [job_id]
    assert shop.row(job_id)["state"] == JobState.QUEUED
    shop.work(complete)
    row = shop.row(job_id)
    assert (row["state"], row["attempt"]) == (JobState.DONE, 2)


def test_a_job_whose_worker_lives_is_left_alone(shop) -> None:
    shop.enqueue()
    held = queue.claim(shop.engine, pid=77)
    assert held is not None
    with LifeLock(queue.lock_path(shop.workspace, socket.gethostname(), 77)):
        assert shop.reclaim() == []
    assert shop.reclaim() == [held.job_id]


def test_a_live_worker_without_a_sign_of_life_is_given_up(shop) -> None:
    job_id = shop.enqueue()
    queue.claim(shop.engine, pid=77)
    with LifeLock(queue.lock_path(shop.workspace, socket.gethostname(), 77)):
        shop.change(job_id, beat=queue.now() - timedelta(minutes=11))
        assert shop.reclaim() == [job_id]


def test_a_job_of_another_machine_is_judged_by_its_signs_of_life(shop) -> None:
    job_id = shop.enqueue()
    queue.claim(shop.engine, pid=77)
    shop.change(job_id, host="elsewhere")
    assert shop.reclaim() == []
    assert shop.reclaim(hung_after=timedelta(seconds=-1)) == [job_id]


def test_a_worker_takes_over_the_job_of_a_dead_namesake(shop) -> None:
    """Containers number their processes from 1: the lock looks held, by the caller itself."""
    job_id = shop.enqueue()
    queue.claim(shop.engine, pid=os.getpid())
    assert shop.work(complete) == 1
    row = shop.row(job_id)
    assert (row["state"], row["attempt"]) == (JobState.DONE, 2)


def test_a_job_that_kills_its_workers_fails_after_so_many_attempts(shop) -> None:
    job_id = shop.enqueue()
    for _ in range(queue.MAX_ATTEMPTS):
        assert queue.claim(shop.engine, pid=2**22 - 1) is not None
        shop.reclaim()
    row = shop.row(job_id)
    assert (row["state"], row["attempt"]) == (JobState.FAILED, queue.MAX_ATTEMPTS)
    assert "died 5 times" in row["error"]
    assert queue.claim(shop.engine, pid=1) is None


def test_only_a_removal_is_tried_again_by_itself_and_not_at_once(shop) -> None:
    with writing(shop.engine) as conn:
        removal = queue.enqueue(conn, shop.project_id, JobKind.REMOVAL, {})
    export = shop.enqueue()
    tries = []

    def refused(context: JobContext) -> None:
        tries.append(context.claim.job_id)
        raise OSError(28, "No space left on device")

    def start() -> list[int]:
        tries.clear()
        handlers = {JobKind.REMOVAL: refused, JobKind.EXPORT: refused}
        work(shop.workspace, shop.engine, handlers, until_idle=True)
        return tries

    assert start() == [removal, export]
    assert queue.AGAIN in shop.row(removal)["error"]
    assert queue.AGAIN not in shop.row(export)["error"]
    assert start() == []
    for each in (removal, export):
        shop.change(each, finished_at=queue.now() - timedelta(minutes=2))
    assert start() == [removal]
    assert queue.take_up_again(shop.engine, timedelta(hours=1)) == []


def test_a_dead_job_with_a_cancel_is_cancelled_instead_of_tried_again(shop) -> None:
    job_id = shop.enqueue()
    queue.claim(shop.engine, pid=2**22 - 1)
    shop.cancel(job_id)
    shop.reclaim()
    assert shop.row(job_id)["state"] == JobState.CANCELLED


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.DONE])
def test_only_failed_and_cancelled_jobs_resume(shop, state) -> None:
    job_id = shop.enqueue()
    shop.change(job_id, state=state)
    with (
        pytest.raises(ValueError, match="only a failed or cancelled one"),
        reading(shop.engine) as conn,
    ):
        queue.requeue(conn, job_id)


def test_resuming_keeps_the_parameters_and_adds_to_them(shop) -> None:
    job_id = shop.enqueue(number=3)
    shop.cancel(job_id)
    with writing(shop.engine) as conn:
        queue.requeue(conn, job_id, {"inexact": True})
    row = shop.row(job_id)
    assert row["params"] == {"number": 3, "inexact": True}
    assert (row["state"], row["cancel"], row["finished_at"]) == (JobState.QUEUED, False, None)


def test_a_later_attempt_sees_the_folders_of_the_earlier_ones(shop) -> None:
    job_id = shop.enqueue()
    shop.change(job_id, attempt=2)
    seen = []

    def handler(context: JobContext) -> None:
        seen.append((context.folder, context.earlier))
        complete(context)

    shop.work(handler)
    attempts = [attempt_folder(shop.workspace, shop.engine, job_id, number) for number in (1, 2, 3)]
    assert seen == [(attempts[2], (attempts[0], attempts[1]))]


def test_the_time_left_follows_the_pace() -> None:
    started = queue.now() - timedelta(seconds=30)
    left = eta(JobState.RUNNING, 10, 40, started)
    assert left == pytest.approx(90, abs=2)
    assert eta(JobState.RUNNING, 0, 40, started) is None
    assert eta(JobState.DONE, 40, 40, started) is None
    assert eta(JobState.RUNNING, 5, 10, None) is None


@pytest.mark.slow
def test_a_lock_is_held_until_its_process_dies(tmp_path) -> None:
    path = tmp_path / "workers" / "a.lock"
    assert not is_held(path)
    program = (
        "import sys, time; from pathlib import Path; from sslapp.jobs.lock import LifeLock\n"
        "with LifeLock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    assert is_held(path)
    holder.kill()
    holder.wait()
    assert not is_held(path)


@pytest.mark.slow
def test_looking_at_a_lock_does_not_keep_its_worker_from_starting(tmp_path) -> None:
    path = tmp_path / "a.lock"
    with open(path, "w") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert not is_held(path), "two that look took each other for the holder"
        started = time.monotonic()
        with pytest.raises(BlockingIOError), LifeLock(path):
            pass
        assert time.monotonic() - started > 0.5
    with LifeLock(path):
        assert is_held(path)
