"""A project is deleted: its log ends and stays, its images and files go.

Files are deleted by a job, which any worker takes up again after a kill. Siblings have names of
their own for the files that they share, so these stay where they are.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection

from sslapp.jobs import history, queue
from sslapp.store import images, projects, removal, rounds
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.integrity import files
from sslapp.store.projects import label_count
from sslapp.usecases.access import Access, find_project, require
from sslapp.vocabulary import JobKind, Role
from sslapp.words import count, size
from sslapp.workspace import Workspace

OTHERS = "others"
"""Parameter of the job: paths of the project's files that lie in no folder of its own."""


@dataclass(frozen=True)
class Deletion:
    """What goes with a project.

    Attributes:
        images, labels, rounds: how many.
        bytes: that its files take and no sibling shares.
        jobs: how many wait or run, and are cancelled.
    """

    name: str
    images: int
    labels: int
    rounds: int
    bytes: int
    jobs: int

    def words(self) -> list[str]:
        """What goes and what stays, a sentence each."""
        goes = (
            f"{count(self.images, 'image')} with their originals, metadata and embeddings, "
            f"{count(self.labels, 'label')}, {count(self.rounds, 'round')}, and exports kept here "
            f"({size(self.bytes)}) go for good."
        )
        cancelled = f"{count(self.jobs, 'job')} under way will be cancelled."
        return [
            goes,
            *([cancelled] if self.jobs else []),
            "Who decided what stays in the log, without the images. Siblings keep their images, "
            "and what was exported elsewhere stays there.",
        ]


def plan_deletion(access: Access, project: str | int | None) -> Deletion:
    """What `delete_project` would take.

    Raises:
        NotAllowed: when the reader is no admin of the project.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        found = Deletion(
            name=projects.find_project(conn, project_id).name,
            images=images.image_count(conn, project_id),
            labels=label_count(conn, project_id),
            rounds=rounds.newest_number(conn, project_id),
            bytes=0,
            jobs=len(history.active_jobs(conn, project_id)),
        )
        folders = own_folders(conn, access.workspace, project_id)
    return replace(found, bytes=sum(map(_own_bytes, folders)))


def delete_project(access: Access, project: str | int | None, typed: str) -> int:
    """Delete a project and queue the job that deletes its files; return the job's id.

    Args:
        typed: the project's name, as whoever deletes it typed it.

    Raises:
        NotAllowed: when the reader is no admin of the project.
        Refused: when the name is another one.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        name = projects.find_project(conn, project_id).name
        if typed.strip() != name:
            raise Refused(f'Nothing was deleted: "{typed.strip()}" is not its name, "{name}" is.')
        for each in history.active_jobs(conn, project_id):
            queue.cancel(conn, each["id"])
        folders = own_folders(conn, access.workspace, project_id)
        inside = [access.workspace.relative(each) for each in folders]
        recorded = [each.path for each in files.recorded(conn, project_id)]
        others = [each for each in recorded if not each.startswith(tuple(f"{i}/" for i in inside))]
        removal.delete_project(conn, project_id, access.reader_id)
        return queue.enqueue(conn, project_id, JobKind.REMOVAL, {OTHERS: others}, access.reader_id)


def own_folders(conn: Connection, workspace: Workspace, project_id: int) -> list[Path]:
    """The folders, there or not, in which everything is this project's alone."""
    jobs = [workspace.jobs / folder for folder, _, _ in files.folders_of_jobs(conn, project_id)]
    exports = workspace.root / "exports" / str(project_id)
    held_back = workspace.quarantine(project_id)
    return [workspace.project(project_id), exports, held_back, *jobs]


def _own_bytes(folder: Path) -> int:
    """Bytes of the files below that have no second name."""
    found = (path.lstat() for path in folder.rglob("*") if path.is_file())
    return sum(each.st_size for each in found if each.st_nlink == 1)
