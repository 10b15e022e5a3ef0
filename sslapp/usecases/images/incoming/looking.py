"""A look at images before they are imported, as a job, and the import that follows from its plan.

The look is kept with its job: a changed choice is worked out from it at once. It is open until it
was followed by an import or put away.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, RowMapping

from sslapp.datasets.pictures.listing import ScanStopped
from sslapp.datasets.pictures.reading import Reading
from sslapp.jobs import history, queue
from sslapp.jobs.context import Cancelled, JobContext
from sslapp.store.database import overwrite_replaced, writing
from sslapp.store.database import reading as reading_of
from sslapp.store.errors import Refused
from sslapp.usecases.access import Access, require
from sslapp.usecases.images.embeddings import queue_embed
from sslapp.usecases.images.incoming.imports import queue_import
from sslapp.usecases.images.incoming.known_sets import with_root
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.usecases.images.incoming.patients.facts import forget_ended
from sslapp.usecases.images.incoming.patients.secret import secret_of_job
from sslapp.usecases.images.incoming.scan import is_kept, scan
from sslapp.usecases.images.incoming.shape import kept_of_dicom
from sslapp.vocabulary import JobKind, JobState, Role

_ENDS = "ended_by"
"""Name in a look's result of the import that followed, or of 0 where it was put away."""

_OF_PATIENTS = "of_patients"
"""Name in a look's result of whether the source's name is forgotten as soon as it is not needed."""

_LACKS = "not_here"
"""Name in a look's result of whether it was of a set that has to be fetched first."""


@dataclass(frozen=True)
class OpenLook:
    """A look that no import has followed yet.

    Attributes:
        id: of its job.
        project_id: of the project that the images are for.
        name: of what was looked at.
        folder: where what is kept of it lies.
    """

    id: int
    project_id: int
    name: str
    folder: Path


def start_look(access: Access, project_id: int, origin: Origin) -> int:
    """Queue a look at a source for an admin of the project; return the job's id."""
    with writing(access.engine) as conn:
        require(conn, access, project_id, Role.ADMIN)
        return queue_look(conn, access, project_id, origin)


def queue_look(
    conn: Connection,
    access: Access,
    project_id: int,
    origin: Origin,
    *,
    embeds: bool = False,
    encoder: str | None = None,
) -> int:
    """Queue a look in an open transaction, for whoever checked that it is allowed.

    Args:
        embeds: whether the images are to be embedded after their import.
        encoder: with which; None for the one that suits their size.
    """
    origin = with_root(access, origin)
    params = {**origin.to_json(access.workspace), "embeds": embeds, "encoder": encoder}
    return queue.enqueue(conn, project_id, JobKind.LOOK, params, access.reader_id)


def run_look(context: JobContext) -> None:
    """Handle a job of kind `look`. A resume starts over."""
    origin = Origin.from_json(context.claim.params)
    with reading_of(context.engine) as conn:
        kept = kept_of_dicom(conn, context.claim.project_id)
    try:
        found = scan(
            origin.source,
            root=origin.root,
            name=origin.name,
            within=origin.within,
            secret=lambda: secret_of_job(context),
            kept=kept,
            progress=context.progress,
            should_stop=context.should_stop,
        )
    except ScanStopped:
        raise Cancelled from None
    context.check()
    found.save(context.folder)
    lacks = found.named is not None and not found.named.here
    result = {
        "name": found.listing.name,
        "images": len(found.listing.names),
        _LACKS: lacks,
        _OF_PATIENTS: found.listing.dicom is not None,
    }
    with context.finishing(result):
        pass


def open_look(access: Access, project_id: int) -> OpenLook | None:
    """The project's newest look, if it is done and neither followed by an import nor put away."""
    with reading_of(access.engine) as conn:
        require(conn, access, project_id)
        row = history.newest_done(conn, project_id, JobKind.LOOK)
    if row is None or _ENDS in row["result"]:
        return None
    folder = access.workspace.attempt(row["folder"], row["attempt"])
    if not is_kept(folder):  # left behind where a backup was put back, or deleted by hand
        return None
    return OpenLook(row["id"], project_id, row["result"]["name"], folder)


def import_looked_at(access: Access, look_id: int, reading: Reading) -> int:
    """Queue the import that a look was for, and the embedding if it was asked for; return its id.

    A set with a name is fetched by it where it was not there, as its plan has said.

    Raises:
        Refused: when an import followed already, or what was looked at is there no longer.
    """
    with writing(access.engine) as conn:
        row = _controlled(conn, access, look_id)
        origin = Origin.from_json(row["params"])
        origin = replace(origin, reading=reading, download=row["result"].get(_LACKS, False))
        if origin.upload is not None and not Path(origin.source).exists():
            raise Refused("The upload was deleted after a day. Send it again.")
        number = queue_import(conn, access, row["project_id"], origin)
        if row["params"]["embeds"]:
            queue_embed(conn, access, row["project_id"], row["params"]["encoder"])
        _end(conn, row, number)
    return number


def put_away(access: Access, look_id: int) -> None:
    """End a look without an import."""
    with writing(access.engine) as conn:
        row = _controlled(conn, access, look_id)
        _end(conn, row, 0)
        if of_patients := row["result"].get(_OF_PATIENTS, False):
            forget_ended(conn, row, row["result"]["name"])
    if of_patients:
        overwrite_replaced(access.engine)


def _controlled(conn: Connection, access: Access, look_id: int) -> RowMapping:
    row = queue.read_job(conn, look_id)
    require(conn, access, row["project_id"], Role.ADMIN)
    if row["kind"] != JobKind.LOOK or row["state"] != JobState.DONE or _ENDS in row["result"]:
        raise Refused("This plan is over: its import was begun, or it was put away. Look again.")
    return row


def _end(conn: Connection, row: RowMapping, by: int) -> None:
    queue.set_result(conn, row["id"], {**row["result"], _ENDS: by})
