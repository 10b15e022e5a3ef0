"""Jobs on the command line: waited for, with a worker if none is running, listed, cancelled."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from sslapp.cli.application import Json, Project, access, app, command, show, table
from sslapp.usecases.access import Access
from sslapp.usecases.jobs import cancel_job, eta, job_status, jobs_before, jobs_of, worker_alive
from sslapp.vocabulary import JobState

job_app = typer.Typer(help="List and cancel jobs of any kind.", no_args_is_help=True)
app.add_typer(job_app, name="jobs")

Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the job to end.")]

LOOK_EVERY = 0.3
"""Seconds between two looks at a job."""

INTERRUPTED = 130
"""Exit status of a command that Ctrl-C ended, as a shell says it."""


def wait_for(access: Access, job_id: int, wait: bool = True) -> dict[str, Any]:
    """Wait until the job ended and return its result; a queued job's id when not waiting.

    Ctrl-C ends the waiting and not the job, and says so.

    Raises:
        ValueError: with the reason, when it failed or was cancelled.
    """
    if not wait:
        return {"job_id": job_id}
    _say_what_comes_first(access, job_id)
    try:
        return _ended(access, job_id)
    except KeyboardInterrupt:
        typer.echo(f"\n{goes_on(job_id)}", err=True)
        raise typer.Exit(INTERRUPTED) from None


def _say_what_comes_first(access: Access, job_id: int) -> None:
    """Name the project's jobs that were begun before: a killed one may do what was asked for."""
    for each in jobs_before(access, job_id):
        told = f"Job {each['id']} ({each['kind']}) has not ended yet and goes on first."
        typer.echo(told, err=True)


def goes_on(job_id: int) -> str:
    """What there is to know of a job that nobody waits for any more."""
    return (
        f"Job {job_id} goes on without this command. `sslapp jobs list` says how far it is, "
        f"`sslapp jobs cancel {job_id}` stops it."
    )


def _ended(access: Access, job_id: int) -> dict[str, Any]:
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
        if worker is not None and (worker.poll() or 0) > 0:
            # another one would end in the same way, and the next, and nobody would be told
            raise ValueError(
                f"The worker ended before job {job_id} did: {_last_words(access)} The job is taken "
                f"up again by the next command that waits for one; `sslapp jobs cancel {job_id}` "
                f"stops it. See {_worker_log(access)}."
            )
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


def _last_words(access: Access) -> str:
    lines = _worker_log(access).read_text(errors="replace").splitlines() or [""]
    return lines[-1].removeprefix("sslapp: ").strip()


def _show_line(before: str, line: str) -> str:
    if before or line:
        typer.echo(f"\r{line:<{len(before)}}" + ("" if line else "\r"), err=True, nl=False)
    return line


def _eta(row: dict[str, Any]) -> str:
    seconds = row["eta"]
    return "" if seconds is None else f", {seconds:.0f} s left"


@command(job_app, "list")
def list_jobs(
    newest: Annotated[int, typer.Option(min=1, help="How many that have ended.")] = 10,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """List the jobs that wait and run, and the newest that have ended."""
    rows = [
        {**each, "eta": eta(each["state"], each["step"], each["total"], each["started_at"])}
        for each in jobs_of(access(), project, newest)
    ]
    columns = ["id", "kind", "state", "step", "total", "eta", "attempt", "error"]
    show(rows, as_json, lambda: table(rows, columns) if rows else "No job was started here yet.")


@command(job_app, "cancel")
def cancel(
    job_id: Annotated[int, typer.Argument(help="Its number; see `sslapp jobs list`.")],
    as_json: Json = False,
) -> None:
    """Cancel a job: at once while it is queued, at its next step while it runs."""
    state = cancel_job(access(), job_id)
    words = {
        JobState.CANCELLED: f"Job {job_id} is cancelled.",
        JobState.RUNNING: f"Job {job_id} stops at its next step.",
    }
    said = words.get(state, f"Job {job_id} has ended already: it is {state}.")
    show({"job_id": job_id, "state": state}, as_json, said)
