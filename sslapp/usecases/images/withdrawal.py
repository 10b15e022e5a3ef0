"""An import is withdrawn, as long as nothing is decided on its images: the last one first. Labels
that came with them go with them.

The next import takes its positions anew, so all that names a position must come after it. Its files
are deleted by a job, which any worker takes up again after a kill.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from sslapp.imaging.originals import original_path
from sslapp.jobs import history, queue
from sslapp.store import embeddings, images, removal
from sslapp.store.database import lock_project, reading, writing
from sslapp.store.errors import Refused
from sslapp.store.images import ImageSetRow
from sslapp.store.integrity import files
from sslapp.usecases.access import Access, find_project, require
from sslapp.vocabulary import JobKind, Role
from sslapp.words import count, size
from sslapp.workspace import Workspace

PATHS = "paths"
"""Parameter of the job: what nothing names any more, relative to the workspace."""


@dataclass(frozen=True)
class Withdrawal:
    """The last import, and what goes with it.

    Attributes:
        id: of its image set.
        name, images: its name, and how many images it brought.
        left: how many images the project has without it.
        bytes: of its pixels, and of originals that no other image and no sibling has.
        encoders: whose newest features cover its images; they go.
        labels: of its images that came with it, and
        holdout: so many of its images are of the holdout.
        in_the_way: why it has to stay, a sentence; "" where it need not.
    """

    id: int
    name: str
    images: int
    left: int
    bytes: int
    encoders: tuple[str, ...]
    labels: int
    holdout: int
    in_the_way: str

    def words(self) -> list[str]:
        """What would happen, a sentence each."""
        if self.in_the_way:
            return [f'The import "{self.name}" stays: {self.in_the_way}']
        said = [
            f'"{self.name}" goes: {count(self.images, "image")} with hidden true labels, metadata '
            f"and files ({size(self.bytes)}).",
            f"{self._stays()} What was withdrawn can be imported again.",
        ]
        if self.encoders:
            said.insert(1, f"So do embeddings that cover them: {', '.join(self.encoders)}.")
        if self.holdout:
            leave = "leaves" if self.holdout == 1 else "leave"
            said.insert(1, f"{self.holdout:,} of its images {leave} the holdout.")
        if self.labels:
            go = "goes" if self.labels == 1 else "go"
            said.insert(1, f"{count(self.labels, 'label')} that came with them {go} too.")
        return said

    def done(self) -> str:
        """What has gone once it is withdrawn, as a sentence."""
        gone = [count(self.images, "image")]
        gone += [f"{self.holdout:,} of them of the holdout"] * bool(self.holdout)
        gone += [f"{count(self.labels, 'label')} that came with them"] * bool(self.labels)
        return f'"{self.name}" is withdrawn: {", ".join(gone)}. It can be imported again.'

    def _stays(self) -> str:
        if not self.left:
            return "Classes stay."
        stay = "stays" if self.left == 1 else "stay"
        return f"{count(self.left, 'image')} of other imports {stay}, and so do classes."


def plan_withdrawal(access: Access, project: str | int | None) -> Withdrawal:
    """What `withdraw` would take.

    Raises:
        NotAllowed: when the reader is no admin of the project.
        Refused: when there is no import.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        last = _last(conn, project_id)
        newest = embeddings.newest_of_encoders(conn, project_id)
        why = removal.in_the_way(conn, project_id, last.first) or _working(conn, project_id)
        labels, drawn = removal.go_along(conn, project_id, last.first)
        return Withdrawal(
            id=last.id,
            name=last.name,
            images=last.count,
            left=last.first,
            bytes=_bytes(conn, access.workspace, project_id, last),
            encoders=tuple(each.encoder for each in newest if each.count > last.first),
            labels=labels,
            holdout=drawn,
            in_the_way=why,
        )


def withdraw(access: Access, project: str | int | None, import_id: int | None = None) -> int:
    """Withdraw the last import and queue the job that deletes its files; return the job's id.

    Args:
        import_id: of the import that is meant; None for whichever is the last.

    Raises:
        NotAllowed: when the reader is no admin of the project.
        Refused: when there is none, another one is the last by now, a job is under way in the
            project, or something was decided about or made of its images.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        lock_project(conn, project_id)
        last = _last(conn, project_id)
        if import_id not in (None, last.id):
            raise Refused(f'"{last.name}" is the last import by now, and only the last one goes.')
        if why := _working(conn, project_id):
            raise Refused(f'The import "{last.name}" stays: {why}')
        gone = removal.withdraw_import(conn, project_id, access.reader_id)
        _mark(conn, project_id, gone.import_)
        params = {PATHS: list(gone.paths)}
        return queue.enqueue(conn, project_id, JobKind.REMOVAL, params, access.reader_id)


def _last(conn: Connection, project_id: int) -> ImageSetRow:
    last = removal.last_import(conn, project_id)
    if last is None:
        raise Refused("This project has no import that could be withdrawn.")
    return last


def _working(conn: Connection, project_id: int) -> str:
    """Why it has to wait for a job that may be reading its images; "" for none."""
    active = history.active_jobs(conn, project_id)
    if not active:
        return ""
    row = active[0]
    return f"job {row['id']} ({row['kind']}) is under way. Wait for its end, or cancel it."


def _mark(conn: Connection, project_id: int, gone: ImageSetRow) -> None:
    """Let the job that imported them say no more where its images are."""
    for row in history.newest_jobs(conn, project_id, kind=JobKind.IMPORT):
        result = row["result"] or {}
        if result.get("first") == gone.first:
            told = {name: value for name, value in result.items() if name != "first"}
            queue.set_result(conn, row["id"], {**told, "withdrawn": True})
            return


def _bytes(conn: Connection, workspace: Workspace, project_id: int, gone: ImageSetRow) -> int:
    sizes = {each.path: each.bytes for each in files.recorded(conn, project_id)}
    names = images.original_of_each(conn, project_id)
    own = {*names[gone.first :]} - {*names[: gone.first], None}
    folder = workspace.project(project_id) / "originals"
    found = [original_path(folder, name) for name in own if name is not None]
    stats = [path.stat() for path in found if path.is_file()]
    originals = sum(each.st_size for each in stats if each.st_nlink == 1)
    return originals + sum(sizes.get(path, 0) for path in {gone.pixels, gone.imported})
