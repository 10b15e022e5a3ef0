"""A database and the files beside it belong together, or nothing is opened."""

import shutil
from pathlib import Path

import pytest
import small_project

from sslapp.store.errors import DatabaseGone, DatabaseMissing, OtherWorkspace
from sslapp.usecases.access import IDENTITY, enter, open_workspace
from sslapp.usecases.labelling import decisions
from sslapp.usecases.training.rounds import start_round
from sslapp.workspace import Outside, Workspace


def make(root: Path) -> Workspace:
    workspace = Workspace(workspace=root, database_url="")
    enter(workspace, "Ann").engine.dispose()
    return workspace


def test_every_workspace_has_an_id_of_its_own_and_keeps_it(tmp_path) -> None:
    ids = []
    for name in ("a", "b", "a"):
        access = enter(make(tmp_path / name), "Ann")
        ids.append(access.workspace_id)
        assert (tmp_path / name / IDENTITY).read_text() == f"{access.workspace_id}\n"
        access.engine.dispose()
    assert ids[0] == ids[2] != ids[1]


@pytest.mark.parametrize("how", ["missing", "empty"])
def test_no_database_is_made_beside_the_files_of_another(project, how) -> None:
    project.engine.dispose()
    database = project.workspace.root / "sslapp.db"
    (project.workspace.root / IDENTITY).unlink()  # as an older version left it
    database.unlink()
    if how == "empty":
        database.touch()
    with pytest.raises(DatabaseMissing, match="would be written over them"):
        open_workspace(project.workspace)
    assert not database.exists() or not database.stat().st_size


def test_a_database_of_another_workspace_is_refused(project, tmp_path) -> None:
    project.engine.dispose()
    other = make(tmp_path / "other")
    shutil.copy(other.root / "sslapp.db", project.workspace.root / "sslapp.db")
    with pytest.raises(OtherWorkspace, match=r"workspace\.id there names another one"):
        open_workspace(project.workspace)


def test_a_server_whose_database_is_replaced_takes_no_decision(project, tmp_path) -> None:
    make(tmp_path / "other")
    (tmp_path / "other" / "sslapp.db").replace(project.workspace.root / "sslapp.db")
    with pytest.raises(DatabaseGone):
        decisions.label(project, None, 50, "3")


def test_the_files_of_a_job_are_never_used_by_another(project, tmp_path) -> None:
    """An older database is put back: its next job has the number of one that left files."""
    project.engine.dispose()
    old = tmp_path / "old.db"
    shutil.copy(project.workspace.root / "sslapp.db", old)
    written = []
    for _ in range(2):
        access = enter(project.workspace, "Ann")
        start_round(access, None, method="label-propagation")
        small_project.run_jobs(access)
        probabilities, _ = small_project.published(access)
        written.append(probabilities)
        access.engine.dispose()
        shutil.copy(old, project.workspace.root / "sslapp.db")
    folders = sorted(path.name for path in project.workspace.jobs.glob("round-*"))
    assert len(folders) == 2
    for folder in folders:
        assert (project.workspace.jobs / folder / "attempt-1" / "probabilities.npy").is_file()
        assert not (project.workspace.jobs / folder / "attempt-2").exists()


@pytest.mark.parametrize("stored", ["../secret.npy", "/etc/passwd", "a/../../b", "jobs/out/x.npy"])
def test_a_stored_path_that_leaves_the_workspace_is_refused(project, tmp_path, stored) -> None:
    (project.workspace.jobs / "out").symlink_to(tmp_path.parent)
    with pytest.raises(Outside, match="lies outside the workspace"):
        project.workspace.path(stored)
