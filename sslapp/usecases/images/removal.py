"""Deleting files that nothing names any more, as a job: of a withdrawn import, or of a project.

What is deleted is worked out again by every attempt, so one that was killed is gone on with, and
one that the disk refused is tried again.
"""

import shutil
import time
from collections.abc import Sequence

from sqlalchemy import Connection

from sslapp.jobs import history, queue
from sslapp.jobs.context import JobContext
from sslapp.store.database import lock_project, reading, writing
from sslapp.store.integrity import files
from sslapp.store.projects import is_deleted
from sslapp.usecases.images.incoming.leavings import others_import, remove_unused
from sslapp.usecases.images.withdrawal import PATHS
from sslapp.usecases.projects.deletion import OTHERS, own_folders
from sslapp.vocabulary import JobState

LOOK_EVERY = 0.5
"""Seconds between two looks whether another job has ended."""


def run_removal(context: JobContext) -> None:
    """Handle a job of kind `removal`."""
    with reading(context.engine) as conn:
        deleted = is_deleted(conn, context.claim.project_id)
    if deleted:
        _remove_project(context)
    else:
        _remove_import(context)
    with context.finishing({}):
        pass


def _remove_import(context: JobContext) -> None:
    """Delete what a withdrawn import has left; names that came into use again are passed over."""
    project_id = context.claim.project_id
    while True:
        # no worker claims a job meanwhile: an import may count on an original that lies there
        with writing(context.engine) as conn:
            lock_project(conn, project_id)
            if not others_import(conn, context):
                known = {each.path for each in files.recorded(conn, project_id)}
                paths = [each for each in context.claim.params[PATHS] if each not in known]
                _unlink(context, paths)
                remove_unused(conn, context.workspace, project_id)
                return
        _wait(context, "waiting for an import to end")


def _remove_project(context: JobContext) -> None:
    """Delete all files of a deleted project, once no job of it writes any more."""
    while True:
        with reading(context.engine) as conn:
            if not _runs(conn, context):
                folders = own_folders(conn, context.workspace, context.claim.project_id)
                break
        queue.reclaim(context.engine, context.workspace)  # one whose worker died never ends
        _wait(context, "waiting for cancelled jobs to end")
    _unlink(context, context.claim.params.get(OTHERS, ()))  # an import's removal that was left
    own = context.workspace.jobs / context.claim.folder
    there = [each for each in folders if each.is_dir() and each != own]
    for done, folder in enumerate(there):
        context.progress(done, len(there), "deleting files")
        shutil.rmtree(folder)
    shutil.rmtree(own)  # its log is open, and ends with it


def _runs(conn: Connection, context: JobContext) -> bool:
    """Whether another job of the project has a worker still."""
    active = history.active_jobs(conn, context.claim.project_id)
    others = [each for each in active if each["id"] != context.claim.job_id]
    return any(each["state"] == JobState.RUNNING for each in others)


def _unlink(context: JobContext, paths: Sequence[str]) -> None:
    for each in paths:
        path = context.workspace.path(each)
        path.unlink(missing_ok=True)
        for folder in (path.parent, path.parent.parent):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _wait(context: JobContext, why: str) -> None:
    context.progress(0, 0, why)
    time.sleep(LOOK_EVERY)
