"""What an import that failed or was cancelled has stored: it goes, as if it had never begun."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from sslapp.jobs import history
from sslapp.jobs.context import JobContext
from sslapp.jobs.queue import GivenUp
from sslapp.store import images
from sslapp.store.database import writing
from sslapp.usecases.images.incoming.quarantine.holding import none_held
from sslapp.vocabulary import JobKind, JobState
from sslapp.workspace import Workspace


@contextmanager
def none_left(context: JobContext) -> Iterator[None]:
    """Take away what the block stored, when it fails: originals that no image of the project has.

    They would take disk that the user cannot see, most of all where a full disk was the failure.
    Originals that a killed import left go with them.
    """
    try:
        yield
    except GivenUp:
        raise  # the attempt that owns the job now is writing the same files
    except BaseException:
        none_held(context)
        with writing(context.engine, context.claim.project_id) as conn:
            if not others_import(conn, context):
                remove_unused(conn, context.workspace, context.claim.project_id)
        raise


def remove_unused(conn: Connection, workspace: Workspace, project_id: int) -> int:
    """Delete the originals that no image of the project has, and return how many.

    For whoever knows that no import into the project is under way.
    """
    unused = unused_originals(conn, workspace, project_id)
    for path in unused:
        path.unlink(missing_ok=True)
    return len(unused)


def unused_originals(conn: Connection, workspace: Workspace, project_id: int) -> list[Path]:
    """The originals that lie there and that no image of the project has."""
    used = set(images.originals(conn, project_id))
    folder = workspace.project(project_id) / "originals"
    return [path for path in folder.glob("*/*") if path.name not in used]


def others_import(conn: Connection, context: JobContext) -> bool:
    """Whether another import into the project runs, elsewhere: it may count on the same files."""
    running = [
        each
        for kind in (JobKind.IMPORT, JobKind.SIBLING)
        for each in history.under_way(conn, kind, context.claim.project_id)
    ]
    others = [each for each in running if each["id"] != context.claim.job_id]
    return any(each["state"] == JobState.RUNNING for each in others)
