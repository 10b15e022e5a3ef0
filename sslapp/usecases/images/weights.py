"""Weights of encoders from the hub: fetched by a job that somebody asked for, listed, removed."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sslapp.embedding.weights import fetch as fetching
from sslapp.embedding.weights import folders
from sslapp.embedding.weights.curated import CURATED, CuratedEncoder
from sslapp.embedding.weights.fetch import Expected, FetchStopped
from sslapp.embedding.weights.names import parse
from sslapp.jobs import history, queue
from sslapp.jobs.context import Cancelled, JobContext
from sslapp.store.database import reading, writing
from sslapp.usecases.access import Access, find_project, require_server_admin
from sslapp.usecases.images.embeddings import encoder_title
from sslapp.vocabulary import JobKind

FETCH = "fetch an encoder's weights"
REMOVE = "remove an encoder's weights"
NAME, LICENCE, BY = "name", "licence", "by"
"""Parameters of the job: the encoder, the licence that was accepted for it, by whom and when."""


@dataclass(frozen=True)
class EncoderWeights:
    """An encoder of the hub as a page or a list tells of it.

    Attributes:
        name: the encoder's.
        known: its line in the curated list; None for another.
        there: whether its weights lie in the workspace.
        partial: a fetch of them began and did not end.
        size: bytes that lie there, of a whole or a partial one.
        licence: of the weights; empty when nobody said.
        accepted: who accepted the licence and when; empty when that was not asked for.
    """

    name: str
    known: CuratedEncoder | None
    there: bool
    partial: bool
    size: int
    licence: str
    accepted: str


def fetch_weights(
    access: Access, project: str | int | None, name: str, *, licence: str = ""
) -> int:
    """Queue the fetch of an encoder's weights and return the job's id.

    A fetch that was cancelled or cut off goes on where it stopped.

    Args:
        project: among whose jobs it is shown; the weights serve every project.
        name: as `embedding.weights.names` reads it.
        licence: the licence that the reader accepts, as the hub names it; the job refuses weights
            under one that must be accepted and was not.

    Raises:
        NotAllowed: when the reader is no server admin.
        ValueError: when the name is none, the weights are there, or they are being fetched.
    """
    require_server_admin(access, FETCH)
    name = str(parse(name))
    root = access.workspace.weights
    if folders.is_there(name, root) and not folders.is_partial(name, root):
        raise ValueError(f"The weights of {name} are there. {folders.again(name)}")
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        if any(each["params"][NAME] == name for each in history.under_way(conn, JobKind.WEIGHTS)):
            raise ValueError(f"The weights of {name} are being fetched.")
        by = f"{access.reader}, {queue.now():%Y-%m-%d %H:%M} UTC" if licence else ""
        params = {NAME: name, LICENCE: licence, BY: by}
        return queue.enqueue(conn, project_id, JobKind.WEIGHTS, params, access.reader_id)


def fetch_curated(access: Access, project: str | int | None, name: str, *, accept: bool) -> int:
    """Queue the fetch of an encoder of the curated list, which is all that a page can name.

    Args:
        accept: whether the reader accepts its licence, where that is asked for.

    Raises:
        NotAllowed: when the reader is no server admin.
        ValueError: when it is not on the list, its licence was not accepted, or as `fetch_weights`.
    """
    known = CURATED.get(name)
    if known is None:
        raise ValueError(f'"{name}" is not on the list. Others are fetched on the command line.')
    if known.ask and not accept:
        raise ValueError(f"{known.title} comes under the {known.licence}. Accept it first.")
    return fetch_weights(access, project, name, licence=known.licence if known.ask else "")


def expected_weights(access: Access, name: str) -> Expected:
    """Ask the hub how large an encoder's weights are and under which licence they come.

    Raises:
        NotAllowed: when the reader is no server admin.
        ValueError: with the mend, when the hub does not say.
    """
    require_server_admin(access, FETCH)
    return fetching.expected(str(parse(name)), access.workspace.weights)


def weights_here(access: Access) -> list[EncoderWeights]:
    """The curated encoders, then the others whose weights lie in the workspace."""
    root = access.workspace.weights
    others = [each for each in folders.names_begun(root) if each not in CURATED]
    return [_told(each, root) for each in (*CURATED, *others)]


def _told(name: str, root: Path) -> EncoderWeights:
    folder, there = folders.folder_of(name, root), folders.is_there(name, root)
    said = folders.listed(folder) if (folder / folders.LIST).is_file() else None
    known = CURATED.get(name)
    return EncoderWeights(
        name,
        known,
        there,
        folders.is_partial(name, root),
        folders.bytes_there(name, root),
        said.licence if said else (known.licence if known else ""),
        said.accepted if said else "",
    )


def missing_packages(weights: EncoderWeights) -> list[str]:
    """Packages that an encoder needs and that are not installed; none of them is imported."""
    needs = weights.known.needs if weights.known else ()
    return [each for each in needs if find_spec(each) is None]


def fetching_now(access: Access) -> dict[str, int]:
    """Encoders whose weights are being fetched or wait for it -> the job."""
    with reading(access.engine) as conn:
        rows = history.under_way(conn, JobKind.WEIGHTS)
    return {row["params"][NAME]: row["id"] for row in rows}


def remove_weights(access: Access, name: str) -> int:
    """Delete an encoder's weights, whole or partial, and return how many bytes that were.

    Embeddings made with them stay; they cannot be searched by text any more.

    Raises:
        NotAllowed: when the reader is no server admin.
        ValueError: when none are there, or they are being fetched.
    """
    require_server_admin(access, REMOVE)
    name = str(parse(name))
    if name in fetching_now(access):
        raise ValueError(f"The weights of {name} are being fetched. Cancel that first.")
    return folders.remove(name, access.workspace.weights)


def run_weights(context: JobContext) -> None:
    """Handle a job of kind `weights`: fetch what is missing, and tell what came."""
    name = context.claim.params[NAME]
    try:
        weights = fetching.fetch(
            name,
            context.workspace.weights,
            accepted=context.claim.params[LICENCE],
            by=context.claim.params[BY],
            progress=lambda there, total: context.progress(there, total, encoder_title(name)),
            should_stop=context.should_stop,
        )
    except FetchStopped:
        raise Cancelled from None
    size = folders.bytes_there(name, context.workspace.weights)
    context.log.info("fetched", encoder=name, bytes=size, files=dict(weights.files))
    result = {
        "encoder": name,
        "bytes": size,
        "files": dict(weights.files),
        "licence": weights.licence,
        "accepted": weights.accepted,
    }
    with context.finishing(result):
        pass
