"""Whether the files of a workspace hold what was written, and which of them nobody vouches for."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from sqlalchemy import Connection

from sslapp import durable
from sslapp.imaging.originals import original_path
from sslapp.jobs import history
from sslapp.store.errors import Damaged
from sslapp.store.identity import is_recorded
from sslapp.store.images import originals
from sslapp.store.integrity import files
from sslapp.store.integrity.files import Recorded
from sslapp.store.log.verify import RESTORE
from sslapp.store.projects import list_projects
from sslapp.store.snapshots import find_snapshot, load, snapshot_ids
from sslapp.usecases.access import IDENTITY
from sslapp.usecases.images.incoming.leavings import unused_originals
from sslapp.usecases.images.withdrawal import PATHS
from sslapp.usecases.projects.deletion import own_folders
from sslapp.vocabulary import JobKind
from sslapp.workspace import DATABASE, Workspace

MENDS = {
    JobKind.LOOK: "Look at the images again.",
    **dict.fromkeys(
        (JobKind.IMPORT, JobKind.SIBLING, JobKind.PIXELS),
        "Where all images have originals, make the training store again (sslapp pixels); else: "
        f"{RESTORE}",
    ),
    JobKind.EMBED: f"Embed the images again, or: {RESTORE}",
    JobKind.ROUND: f"Run round {{number}} again on the same labels, or: {RESTORE}",
    JobKind.TRIAL: "Compare the methods again.",
    JobKind.EXPORT: "Export again.",
    JobKind.WEIGHTS: "Fetch the weights again.",
    JobKind.FINDING: "Look for it again.",
    JobKind.MAP: RESTORE,
    JobKind.REMOVAL: RESTORE,
}

PASSING = {
    "log.jsonl": "a log",
    "worker.log": "a log",
    "workers": "a lock",
    "uploads": "an upload that waits for its import",
    "weights": "fetched, or brought in by hand",
    "quarantine": "held back from a project until an admin has looked through it; in no backup",
    "data": "a named set that can be fetched again",
    "chunks": "a piece of encoding under way",
    "views.safetensors": "pictures of a training under way",
    "resized": "images at the size of a round, made again when one needs them",
}
"""Names of files and folders that the workspace can do without, and what they are."""

OF_DELETED = "to be removed, of a project that was deleted; a job tries again by itself"
TO_BE_REMOVED = (
    "to be removed, of an import that was withdrawn or held back; a job tries again by itself"
)

UNKNOWN = "nothing refers to it, or it is older than its hash"


def damaged_files(conn: Connection, workspace: Workspace, project_id: int) -> Iterator[str]:
    """A sentence on each file of a project that is missing or not what was written."""
    mends = _mends(conn, project_id)
    on_record = files.recorded(conn, project_id)
    for each in on_record:
        wrong = _wrong(workspace.path(each.path), each)
        if wrong is not None:
            yield f"{workspace.root / each.path} {wrong}. {_mend(each.path, mends)}"
    yield from _unlisted(conn, workspace, project_id, on_record)
    yield from _snapshots(conn, workspace, project_id)
    yield from _rounds(conn, workspace, project_id, on_record)
    yield from _originals(conn, workspace, project_id)
    known = {each.path for each in on_record}
    for folder in mends:
        for path in sorted((workspace.jobs / folder).rglob("*-*")):
            apart = durable.carries_hash(path) and workspace.relative(path) not in known
            if apart and not durable.is_intact(path):
                yield f"{path} is damaged. A resumed round passes over it; delete it."


def not_recorded(conn: Connection, workspace: Workspace, project_id: int) -> Iterator[str]:
    """What an older version wrote without keeping a hash."""
    known = {each.path for each in files.recorded(conn, project_id)}
    count = sum(each not in known for each in named_files(conn, workspace, project_id))
    if count:
        yield f"{count} files have no hash on record, so a change would not be noticed."


def named_files(conn: Connection, workspace: Workspace, project_id: int) -> list[str]:
    """Paths of the files that a project's rows name, whether they are there or not, by path."""
    rows = files.named_paths(conn, project_id)
    predictors = {f"{PurePosixPath(each).parent}/predictor" for each in rows.predictions}
    named = set(rows.files)
    for folder in rows.folders | predictors:
        named |= {
            workspace.relative(path) for path in workspace.path(folder).rglob("*") if path.is_file()
        }
    return sorted(named)


def leftovers(conn: Connection, workspace: Workspace) -> Iterator[str]:
    """ "PATH: what it is" of each file of the workspace that nothing vouches for."""
    known = {each.path for each in files.recorded(conn)}
    known |= {IDENTITY, *(f"{DATABASE}{end}" for end in ("", "-wal", "-shm"))}
    deleted = [each.id for each in list_projects(conn, deleted=True) if each.deleted]
    folders = {folder for each in deleted for folder in own_folders(conn, workspace, each)}
    withdrawn = _of_withdrawn(conn, workspace)
    for path in sorted(workspace.root.rglob("*")):
        if not folders.isdisjoint(path.parents) and path.is_file():
            yield f"{path.relative_to(workspace.root).as_posix()}: {OF_DELETED}"
        elif path in withdrawn and path.is_file():
            yield f"{path.relative_to(workspace.root).as_posix()}: {TO_BE_REMOVED}"
        elif path.is_file() and not _is_known(workspace, path, known):
            relative = path.relative_to(workspace.root)
            yield f"{relative.as_posix()}: {_what(relative)}"


def _of_withdrawn(conn: Connection, workspace: Workspace) -> set[Path]:
    """Files of withdrawn imports that a job has not deleted yet."""
    waiting = history.not_done(conn, JobKind.REMOVAL)
    listed = {path for row in waiting for path in row["params"].get(PATHS, ())}
    listed -= {each.path for each in files.recorded(conn)}
    unused = {
        path
        for project_id in {row["project_id"] for row in waiting}
        for path in unused_originals(conn, workspace, project_id)
    }
    return unused | {workspace.path(each) for each in listed}


def _is_known(workspace: Workspace, path: Path, known: set[str]) -> bool:
    relative = path.relative_to(workspace.root)
    if relative.as_posix() in known:
        return True
    if relative.parts[0] == "projects" and "originals" in relative.parts:
        return path.suffix != ".tmp"  # named by its hash
    return relative.parts[0] == "jobs" and durable.carries_hash(path)


def _what(relative: Path) -> str:
    if relative.suffix in (".tmp", ".part"):
        return "left behind by a process that was killed"
    if relative.suffix == ".lock":
        return "a lock"
    found = next((PASSING[part] for part in relative.parts if part in PASSING), None)
    return found or UNKNOWN


def _is(path: Path, sha256: str) -> bool:
    return path.is_file() and durable.sha256(path) == sha256


def _wrong(path: Path, each: Recorded) -> str | None:
    if not path.is_file():
        return "is missing"
    same = path.stat().st_size == each.bytes and durable.sha256(path) == each.sha256
    return None if same else "is not what was written"


def _mends(conn: Connection, project_id: int) -> dict[str, str]:
    """What can be done about a job's files, by the job's folder."""
    jobs = files.folders_of_jobs(conn, project_id)
    return {folder: MENDS[kind].format(number=number) for folder, kind, number in jobs}


def _mend(path: str, mends: dict[str, str]) -> str:
    parts = PurePosixPath(path).parts
    if parts[0] == "exports":
        return MENDS[JobKind.EXPORT]
    return mends.get(parts[1], RESTORE) if parts[0] == "jobs" else RESTORE


def _unlisted(
    conn: Connection, workspace: Workspace, project_id: int, on_record: list[Recorded]
) -> Iterator[str]:
    """Files without a hash, where every file has one; files that are missing altogether."""
    known = {each.path for each in on_record}
    complete = is_recorded(conn)
    for each in named_files(conn, workspace, project_id):
        if each in known:
            continue
        if not workspace.path(each).is_file():
            yield f"{workspace.root / each} is missing. {RESTORE}"
        elif complete:
            yield f"file: the hash of {workspace.root / each} is missing. {RESTORE}"


def _snapshots(conn: Connection, workspace: Workspace, project_id: int) -> Iterator[str]:
    for snapshot_id in snapshot_ids(conn, project_id):
        try:
            load(workspace, find_snapshot(conn, snapshot_id))
        except Damaged as error:
            yield str(error)


def _rounds(
    conn: Connection, workspace: Workspace, project_id: int, on_record: list[Recorded]
) -> Iterator[str]:
    """Predictions and the record of a round's files, against what its last event says."""
    known = {each.path for each in on_record}
    for ended in files.ended_rounds(conn, project_id):
        number, stored, said = ended.number, ended.probabilities, ended.said
        if stored not in known and not _is(workspace.path(stored), said["probabilities_sha256"]):
            yield (
                f"{workspace.path(stored)} is not what round {number} ended with. "
                f"{MENDS[JobKind.ROUND].format(number=number)}"
            )
        folder = f"{PurePosixPath(stored).parent}/"
        own = [each for each in on_record if each.path.startswith(folder)]
        if "files_sha256" in said and files.digest(own) != said["files_sha256"]:
            yield (
                f"file: the hashes of round {number}'s files are not those it ended with. {RESTORE}"
            )


def _originals(conn: Connection, workspace: Workspace, project_id: int) -> Iterator[str]:
    folder = workspace.project(project_id) / "originals"
    for sha256 in originals(conn, project_id):
        path = original_path(folder, sha256)
        if not path.is_file():
            yield f"{path}: this original is missing. {RESTORE}"
        elif not _is(path, sha256):
            yield f"{path}: this original is not what was imported. {RESTORE}"
