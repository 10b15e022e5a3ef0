"""`sslapp jobs`, and what a command says that stops waiting for its job."""

import os
import socket
import time

import small_project

from sslapp.jobs import queue
from sslapp.jobs.lock import LifeLock


def interrupt(_seconds: float) -> None:
    """What Ctrl-C does to a process that sleeps."""
    raise KeyboardInterrupt


def test_a_command_that_is_interrupted_says_that_its_job_goes_on_and_how_to_stop_it(
    project, tmp_path, command, ask, monkeypatch
) -> None:
    root = project.workspace.root
    more = small_project.write_npz(tmp_path / "more.npz")
    # somebody else is the worker, and has not come to this job yet
    with LifeLock(queue.lock_path(project.workspace, socket.gethostname(), os.getpid())):
        with monkeypatch.context() as patched:
            patched.setattr(time, "sleep", interrupt)
            result = command(root, "import", more)
            second = command(root, "import", more)
        assert result.exit_code == 130
        waiting = [each for each in ask(root, "jobs", "list") if each["state"] == "queued"]
        after, number = (each["id"] for each in waiting)
        assert f"Job {number} (import) has not ended yet and goes on first." in second.stderr
        assert "goes on first" not in result.stderr
        ask(root, "jobs", "cancel", after)
        assert f"Job {number} goes on" in result.stderr
        assert f"`sslapp jobs cancel {number}` stops it" in result.stderr
        assert "Traceback" not in result.stderr and "Aborted" not in result.stderr
        assert ask(root, "jobs", "cancel", number) == {"job_id": number, "state": "cancelled"}
    assert "has ended already" in command(root, "jobs", "cancel", 1).stdout
    assert "There is no job 99" in command(root, "jobs", "cancel", 99).stderr
    small_project.run_jobs(project)
    assert ask(root, "status")["counts"]["images"] == small_project.POOL + small_project.TEST


def test_the_list_holds_what_waits_and_the_newest_that_have_ended(project, command, ask) -> None:
    root = project.workspace.root
    every = ask(root, "jobs", "list")
    assert [(each["kind"], each["state"]) for each in every] == [
        ("embed", "done"),
        ("import", "done"),
    ]
    assert [each["kind"] for each in ask(root, "jobs", "list", "--newest", 1)] == ["embed"]
    assert "import  done" in command(root, "jobs", "list").stdout
