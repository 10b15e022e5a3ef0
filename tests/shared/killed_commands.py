"""Commands killed with SIGKILL, and what must hold after each kill.

What does not hold is an AssertionError with a sentence. Every function takes a launcher of sslapp
commands and a *death*, what `doomed.Launcher.run` is told of it: `die_at` or `die_after`.
"""

import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import doomed
import numpy as np
import small_project

from sslapp.store.database import reading
from sslapp.store.images import image_count
from sslapp.usecases.access import Access, enter
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.jobs import job_status
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.vocabulary import EventKind, JobState
from sslapp.workspace import Workspace

IMAGES = 160
"""In the project, and in the set that is imported into it."""

Death = Mapping[str, Any]


def moments(seed: int, seconds: float, count: int) -> list[Death]:
    """Random moments of a command that takes so long undisturbed, one in each equal part of it."""
    drawn = np.random.default_rng(seed).uniform(size=count)
    return [{"die_after": moment} for moment in ((np.arange(count) + drawn) * seconds / count)]


def seconds_undisturbed(
    launcher: doomed.Launcher, access: Access, *commands: Sequence[str]
) -> float:
    """How long the commands take when nobody disturbs them."""
    started = time.monotonic()
    assert launcher.run(access.workspace.root, *commands) == 0
    return time.monotonic() - started


def write_list(path: Path) -> int:
    """Write a list of labels and return how many they are."""
    rows = [f"{position},{position % 10}" for position in range(40, 120)]
    path.write_text("\n".join(["position,class", *rows]))
    return len(rows)


def kill_list(launcher: doomed.Launcher, access: Access, path: Path, death: Death) -> bool:
    """Kill the command that saves a list of labels; they are saved all, or none is.

    Args:
        path: of a list by `write_list`.

    Returns:
        Whether they are saved.
    """
    before, rows = len(small_project.log(access)), len(path.read_text().splitlines()) - 1
    launcher.run(access.workspace.root, list_command(path), **death)
    assert small_project.damage(access) is None, small_project.damage(access)
    saved = len(small_project.log(access)) - before
    assert saved in (0, rows), f"{saved} of {rows} labels are saved"
    if doomed.said(access.workspace.root):
        assert saved == rows, "acknowledged and lost"
    return saved == rows


def list_command(path: Path) -> Sequence[str]:
    """The command that saves a list of labels."""
    return "label", str(path), "--json"


LABELS = [("label", str(position), "3", "--json") for position in range(40, 70)]
"""Commands that save one label each and say so."""


def kill_labels(launcher: doomed.Launcher, access: Access, death: Death) -> int:
    """Kill the process that runs `LABELS`; what it said is saved is, and at most one label more.

    Returns:
        How many it said.
    """
    before = len(small_project.log(access))
    launcher.run(access.workspace.root, *LABELS, **death)
    assert small_project.damage(access) is None, small_project.damage(access)
    numbers = [each["event"] for each in doomed.said(access.workspace.root)]
    made = [e.number for e in small_project.log(access)[before:] if e.kind == EventKind.LABEL]
    assert made[: len(numbers)] == numbers, "acknowledged and lost"
    assert len(made) - len(numbers) <= 1, "only the last one may be saved and not said yet"
    return len(numbers)


def kill_import(launcher: doomed.Launcher, access: Access, death: Death) -> None:
    """Kill the worker of an import that waits; it is there completely, or the next worker's work.

    Args:
        access: to the small project, where `IMAGES` further images wait to be imported.
    """
    before = [each.hash for each in small_project.log(access)]
    ended = launcher.run(access.workspace.root, doomed.WORKER, **death)
    assert ended == -signal.SIGKILL or "die_after" in death, "its point was not reached"
    assert small_project.damage(access) is None, small_project.damage(access)
    done = job_status(access, 3)["state"] == JobState.DONE
    assert _images(access) == (2 * IMAGES if done else IMAGES)
    assert [each.hash for each in small_project.log(access)][: len(before)] == before
    small_project.run_jobs(access)
    row = job_status(access, 3)
    assert row["state"] == JobState.DONE, row["error"]
    assert _images(access) == 2 * IMAGES
    assert len(small_project.log(access)) == len(before) + 1
    assert small_project.damage(access) is None, small_project.damage(access)


def _images(access: Access) -> int:
    with reading(access.engine) as conn:
        return image_count(conn, 1)


def kill_first_import(launcher: doomed.Launcher, root: Path, source: Path, death: Death) -> int:
    """Kill the worker of a new project's first import: there is no half list of classes.

    Args:
        root: where the workspace is made.
        source: of `IMAGES` images of 10 classes.

    Returns:
        How the worker ended.
    """
    access = enter(Workspace(workspace=root), "Ann")
    create_project(access, "New")
    import_images(access, None, str(source))
    ended = launcher.run(root, doomed.WORKER, **death)
    assert small_project.damage(access) is None, small_project.damage(access)
    found = status(access)
    assert len(found.classes) in (0, 10)
    assert (len(found.classes) == 10) == (found.counts["images"] == IMAGES)
    small_project.run_jobs(access)
    assert status(access).counts["images"] == IMAGES
    access.engine.dispose()
    return ended
