"""Where a job's files lie: the folder is named at random, so that none is ever used twice."""

from pathlib import Path

from sqlalchemy import Engine

from sslapp.jobs import queue
from sslapp.store.database import reading
from sslapp.workspace import Workspace


def attempt_folder(workspace: Workspace, engine: Engine, job_id: int, attempt: int = 1) -> Path:
    with reading(engine) as conn:
        return workspace.attempt(queue.read_job(conn, job_id)["folder"], attempt)
