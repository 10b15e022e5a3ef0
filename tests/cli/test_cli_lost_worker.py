"""A command that waits for a job whose worker cannot go on."""

import os
import subprocess
import sys

import pytest

from sslapp.cli import jobs
from sslapp.cli.jobs import wait_for
from sslapp.jobs import queue
from sslapp.store.database import writing
from sslapp.usecases.images.embeddings import embed


def test_a_worker_that_ends_by_an_error_ends_the_waiting(project, monkeypatch) -> None:
    """Which another worker would only repeat: for ever, on a disk that is full."""
    job_id = embed(project, None)
    log = project.workspace.root / "worker.log"

    def ends(access) -> "subprocess.Popen[bytes]":
        with writing(access.engine) as conn:  # it took the job, and could not even fail it
            held = {"state": "running", "attempt": 1, "pid": 2**22 - 1, "host": os.uname().nodename}
            values = {**held, "beat": queue.now()}
            conn.execute(queue.job.update().where(queue.job.c.id == job_id).values(values))
        log.write_text("Ran 1 jobs.\nsslapp: The disk is full. Free some space.\n")
        return subprocess.Popen([sys.executable, "-c", "raise SystemExit(1)"])

    monkeypatch.setattr(jobs, "start_worker_if_none", ends)
    with pytest.raises(ValueError, match=rf"ended before job {job_id} did: The disk is full\."):
        wait_for(project, job_id)
