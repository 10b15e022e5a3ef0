"""Waiting for jobs on the command line, with a worker started for them if none is running."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from sslapp.usecases.access import Access
from sslapp.usecases.jobs import job_status, worker_alive
from sslapp.vocabulary import JobState

Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the job to end.")]

LOOK_EVERY = 0.3
"""Seconds between two looks at a job."""


def wait_for(access: Access, job_id: int, wait: bool = True) -> dict[str, Any]:
    """Wait until the job ended and return its result; a queued job's id when not waiting.

    Raises:
        ValueError: with the reason, when it failed or was cancelled.
    """
    if not wait:
        return {"job_id": job_id}
    shown = ""
    worker = None
    while True:
        row = job_status(access, job_id)
        if row["state"] == JobState.DONE:
            _show_line(shown, "")
            return {"job_id": job_id, **row["result"]}
        if row["state"] in (JobState.FAILED, JobState.CANCELLED):
            _show_line(shown, "")
            raise ValueError(f"Job {job_id} {row['state']}. {row['error'] or ''}".strip())
        if worker is not None and (worker.poll() or 0) > 0 and row["state"] == JobState.QUEUED:
            raise ValueError(f"The worker could not start; see {_worker_log(access)}.")
        if worker is None or worker.poll() is not None:
            # asked anew each time: a worker that was there may end, or be killed, at any moment
            worker = start_worker_if_none(access)
        if row["total"] and sys.stderr.isatty():
            shown = _show_line(shown, f"{row['message']} {row['step']}/{row['total']}{_eta(row)}")
        time.sleep(LOOK_EVERY)


def start_worker_if_none(access: Access) -> "subprocess.Popen[bytes] | None":
    """Start a worker process that ends with the queue, unless a worker lives on this workspace.

    On a database that several machines share, workers elsewhere cannot be seen; there one is
    started by hand.
    """
    workspace = access.workspace
    if worker_alive(access) or workspace.database_url:
        return None
    with open(_worker_log(access), "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "sslapp", "worker", "--until-idle"],
            env={**os.environ, "SSLAPP_WORKSPACE": str(workspace.root)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _worker_log(access: Access) -> Path:
    return access.workspace.root / "worker.log"


def _show_line(before: str, line: str) -> str:
    if before or line:
        typer.echo(f"\r{line:<{len(before)}}" + ("" if line else "\r"), err=True, nl=False)
    return line


def _eta(row: dict[str, Any]) -> str:
    seconds = row["eta"]
    return "" if seconds is None else f", {seconds:.0f} s left"
