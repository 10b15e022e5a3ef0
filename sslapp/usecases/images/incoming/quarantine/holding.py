"""What is held back now, and the names under which nothing is taken in twice."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine

from sslapp.datasets.quarantine.held_images import MANIFEST, HeldFolder, held_folders, remove_tree
from sslapp.imaging.bundles import glance_at
from sslapp.imaging.originals import original_path
from sslapp.jobs import history
from sslapp.jobs.context import JobContext
from sslapp.store import images, projects
from sslapp.store.database import reading
from sslapp.usecases.images.withdrawal import PATHS
from sslapp.vocabulary import JobKind, JobState
from sslapp.workspace import Workspace


def held_now(conn: Connection, workspace: Workspace, project_id: int) -> list[HeldFolder]:
    """What is held back of a project, import by import; folders without an image are left out."""
    below = workspace.quarantine(project_id)
    if not below.is_dir():
        return []
    jobs = history.newest_jobs(conn, project_id, kind=JobKind.IMPORT)
    done = [each["folder"] for each in reversed(jobs) if each["state"] == JobState.DONE]
    waiting = history.not_done(conn, JobKind.REMOVAL)
    gone = {path for row in waiting for path in row["params"].get(PATHS, ())}
    folders = [each for name in done for each in held_folders(below / name)]
    here = images.named(conn, project_id, [one.name for each in folders for one in each.images])
    found = []
    for each in folders:
        held = [
            image
            for image in each.images
            if image.name not in here and workspace.relative(each.folder / image.file) not in gone
        ]
        if held:
            found.append(
                HeldFolder(
                    folder=each.folder, title=each.title, image_of=each.image_of, images=held
                )
            )
    return found


def names_here(conn: Connection, workspace: Workspace, project_id: int) -> dict[str, int]:
    """Images that a project has, or that are held back from it, -> of how many pictures."""
    held = held_now(conn, workspace, project_id)
    kept = projects.find_project(conn, project_id).settings.image_of
    folder = workspace.project(project_id) / "originals"
    counts = {}
    for name, original, _ in images.contents(conn, project_id):
        bundles = kept is not None and kept.bundles and original is not None
        counts[name] = _pictures(original_path(folder, original or "")) if bundles else 1
    return counts | {
        image.name: _pictures(each.folder / image.file) for each in held for image in each.images
    }


def _pictures(path: Path) -> int:
    facts = glance_at(path)
    return 1 if facts is None else facts.count


def none_held(context: JobContext) -> None:
    """Take away what an import that failed has held back: it comes again with its source."""
    below, own = context.workspace.quarantine(context.claim.project_id), context.claim.folder
    for folder in [below / own, *below.glob(f".{own}.*")]:
        remove_tree(folder)


def sweep(engine: Engine, workspace: Workspace, project_id: int) -> None:
    """Take away what imports have left that ended without being done, or were killed half-way."""
    below = workspace.quarantine(project_id)
    folders = list(below.iterdir()) if below.is_dir() else []  # before jobs: none is younger
    with reading(engine) as conn:
        rows = history.newest_jobs(conn, project_id, kind=JobKind.IMPORT)
    state = {each["folder"]: each["state"] for each in rows}
    ended = (JobState.FAILED, JobState.CANCELLED, None)
    for folder in folders:
        found = state.get(folder.name.lstrip(".").partition(".")[0])
        unfinished = folder.name.startswith(".")
        if found in ended or (unfinished and found == JobState.DONE):
            remove_tree(folder)


def files_of(workspace: Workspace, folders: Sequence[HeldFolder]) -> list[str]:
    """Files of what is held back, relative to the workspace; manifests where nothing else stays.

    Args:
        folders: with those of their images alone that are to go.
    """
    found = []
    for each in folders:
        files = {each.folder / image.file for image in each.images}
        others = set(each.folder.iterdir()) - files - {each.folder / MANIFEST}
        found += sorted(files) + ([] if others else [each.folder / MANIFEST])
    return [workspace.relative(path) for path in found]
