"""One local worker lives while the application does; jobs outlive both."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from sslapp.jobs import supervisor
from sslapp.jobs.lock import LifeLock, is_held
from sslapp.jobs.queue import (
    ENDED,
    claim,
    enqueue,
    lock_path,
    now,
    read_job,
    worker_alive,
    worker_seen,
)
from sslapp.jobs.supervisor import Supervisor
from sslapp.store.database import open_database, reading, writing
from sslapp.store.projects import ProjectSettings, create_project
from sslapp.store.schema import job
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.vocabulary import JobKind, JobState
from sslapp.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(workspace=tmp_path)
    open_database(made.url).dispose()
    return made


@pytest.fixture
def watch(workspace: Workspace) -> Iterator[Supervisor]:
    made = Supervisor(workspace)
    yield made
    for each in (made.worker, made.light):
        if each is not None:
            each.kill()
            each.wait()


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_worker_is_started_and_ends_when_it_is_told_to(
    workspace: Workspace, watch: Supervisor
) -> None:
    watch.look()
    assert watch.worker is not None
    first = watch.worker.pid
    until(lambda: worker_alive(workspace))
    watch.look()
    assert watch.worker.pid == first
    watch.end()
    assert watch.worker.wait(timeout=30) == 0  # it ended by itself, at the end of its loop
    assert not worker_alive(workspace)


@pytest.mark.slow
def test_a_look_does_not_wait_for_the_round_that_runs(
    workspace: Workspace, watch: Supervisor, tmp_path: Path
) -> None:
    (tmp_path / "scans").mkdir()
    engine = open_database(workspace.url)
    with writing(engine) as conn:
        project = create_project(conn, "p", ProjectSettings())
        enqueue(conn, project, JobKind.ROUND, {})
    here = lock_path(workspace, socket.gethostname(), os.getpid())
    with LifeLock(here):  # this process is the worker, and at the round
        assert claim(engine, os.getpid()) is not None
        watch.look()
        assert (watch.worker, watch.light) == (None, None)
        origin = Origin(source=str(tmp_path / "scans"))
        with writing(engine) as conn:
            look = enqueue(conn, project, JobKind.LOOK, origin.to_json(workspace))
        watch.look()
        started = watch.light
        assert started is not None and watch.worker is None
        watch.look()
        assert watch.light is started
        assert started.wait(timeout=60) == 0  # the look has ended, and it with it
        with reading(engine) as conn:
            assert read_job(conn, look)["state"] in ENDED
        watch.look()
        assert watch.light is None
    engine.dispose()


def test_workers_of_other_machines_are_no_worker_of_this_one(
    workspace: Workspace, watch: Supervisor
) -> None:
    here, pid = socket.gethostname(), os.getpid()
    with ExitStack() as held:
        for host in ("elsewhere", f"{here}-2", f"x{here}"):
            held.enter_context(LifeLock(lock_path(workspace, host, pid)))
        assert not worker_alive(workspace)
        watch.look()
        assert watch.worker is not None, "this machine has no worker"
    with LifeLock(lock_path(workspace, here, pid)):
        assert worker_alive(workspace)


@pytest.mark.parametrize(
    ("host", "silent", "seen"),
    [("elsewhere", 1, True), ("elsewhere", 601, False), (None, 1, False)],
)
def test_a_worker_elsewhere_is_seen_by_the_job_it_is_at(
    workspace: Workspace, host: str | None, silent: int, seen: bool
) -> None:
    engine = open_database(workspace.url)
    with writing(engine) as conn:
        project = create_project(conn, "p", ProjectSettings())
        number = enqueue(conn, project, JobKind.EXPORT, {})
        assert not worker_seen(conn, workspace)
        beat = now() - timedelta(seconds=silent)
        running = {"state": JobState.RUNNING, "host": host or socket.gethostname(), "beat": beat}
        conn.execute(job.update().where(job.c.id == number).values(running))
        assert worker_seen(conn, workspace) == seen
    engine.dispose()


@pytest.mark.slow
def test_a_worker_that_died_is_started_again_after_a_pause(
    workspace: Workspace, watch: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE", 0.3)
    watch.look()
    assert watch.worker is not None
    first = watch.worker.pid
    watch.worker.kill()
    watch.worker.wait()
    watch.look()
    assert watch.worker is None  # the pause
    time.sleep(0.35)
    watch.look()
    assert watch.worker is not None
    assert watch.worker.pid != first


def test_pauses_grow_while_a_worker_dies_at_once(
    workspace: Workspace, watch: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    starts = []
    clock = [1000.0]
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: clock[0])
    for _ in range(40):
        before = watch.worker
        watch.look()
        if watch.worker is not None and watch.worker is not before:
            starts.append(clock[0])
            watch.worker.wait()
        clock[0] += 1
    assert [b - a for a, b in pairwise(starts)] == [3, 5, 9, 17]


def test_a_worker_of_somebody_else_is_left_alone(workspace: Workspace, watch: Supervisor) -> None:
    with LifeLock(lock_path(workspace, socket.gethostname(), os.getpid())):
        watch.look()
        assert watch.worker is None
        watch.end()
    watch.look()
    assert watch.worker is not None


@pytest.mark.slow
def test_a_busy_worker_finishes_its_job_before_it_ends(tmp_path: Path) -> None:
    script = f"""
import os, sys, time
from itertools import pairwise
from pathlib import Path
from sslapp.cli import rounds
from sslapp.usecases import handlers
def slow(context):
    Path({str(tmp_path / "begun")!r}).touch()
    time.sleep(1)
    with context.finishing({{}}):
        pass
handlers.HANDLERS = {{"export": slow}}
rounds.worker()
"""
    from sslapp.jobs import queue
    from sslapp.store.database import reading, writing
    from sslapp.store.projects import ProjectSettings, create_project
    from sslapp.vocabulary import JobKind

    workspace = Workspace(workspace=tmp_path)
    engine = open_database(workspace.url)
    with writing(engine) as conn:
        project_id = create_project(conn, "shop", ProjectSettings())
        jobs = [queue.enqueue(conn, project_id, JobKind.EXPORT, {}) for _ in range(2)]
    worker = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "SSLAPP_WORKSPACE": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    try:
        until((tmp_path / "begun").exists)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 0
    finally:
        worker.kill()
    with reading(engine) as conn:
        states = [queue.read_job(conn, each)["state"] for each in jobs]
    engine.dispose()
    assert states == ["done", "queued"]
    assert not is_held(lock_path(workspace, socket.gethostname(), worker.pid))
