"""Files that the disk lost or refuses, in a folder with a name that an address would misread."""

from pathlib import Path

import numpy as np
import pytest
import small_project
from PIL import Image

from sslapp.store.database import reading
from sslapp.store.images import image_sets
from sslapp.usecases.access import Access, enter
from sslapp.usecases.exporting.exports import export
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.labelling.decisions import label
from sslapp.usecases.maintenance.backups import backup, restore
from sslapp.usecases.maintenance.verification import verify_workspace
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.vocabulary import JobState
from sslapp.workspace import Workspace


@pytest.fixture
def access(tmp_path: Path):
    """Four pictures of files, of which two have labels."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for seed in range(4):
        noise = np.random.default_rng(seed).integers(0, 256, (12, 10), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{seed}.png")
    made = enter(Workspace(workspace=tmp_path / "My%20Project? #1"), "Ann")
    create_project(made, "Scans", ["a", "b"])
    row = small_project.finish(made, import_images(made, None, str(folder)))
    assert row["state"] == JobState.DONE, row["error"]
    label(made, None, 0, "a")
    label(made, None, 1, "b")
    yield made
    made.engine.dispose()


def an_original(access: Access) -> Path:
    return next((access.workspace.project(1) / "originals").glob("*/*"))


def the_pixels(access: Access) -> Path:
    with reading(access.engine) as conn:
        return access.workspace.path(image_sets(conn, 1)[0].pixels)


@pytest.mark.slow
def test_the_database_and_a_backup_of_it_lie_where_the_folder_says(access, tmp_path) -> None:
    root = access.workspace.root
    assert (root / "sslapp.db").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == [root.name, "scans"]
    backup(access, tmp_path / "b.tar")
    elsewhere = Workspace(workspace=tmp_path / "else%2Fwhere?")
    assert restore(tmp_path / "b.tar", elsewhere) == ["Scans"]
    there = enter(elsewhere, "Ann")
    assert status(there).counts["expert"] == 2
    there.engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("find", [an_original, the_pixels])
@pytest.mark.parametrize("how", ["missing", "overwritten"])
def test_verify_names_it_and_no_backup_is_made_without_it(access, tmp_path, find, how) -> None:
    path = find(access)
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    found = verify_workspace(access.workspace)
    assert not found.ok
    assert str(path) in found.every_problem[0]
    with pytest.raises(ValueError, match=rf"{path.name} is .*, so no backup was made"):
        backup(access, tmp_path / "b.tar")
    assert not (tmp_path / "b.tar").exists()


def test_a_job_that_misses_a_file_names_it_with_the_mend(access, tmp_path) -> None:
    folder = access.workspace.project(1) / "originals"
    for path in folder.glob("*/*"):
        path.unlink()
    row = small_project.finish(access, export(access, None, tmp_path / "exported"))
    assert row["state"] == JobState.FAILED
    assert row["error"].startswith(f"{folder}/")
    assert " is missing. `sslapp verify` says" in row["error"]
    path = the_pixels(access)
    path.write_bytes(path.read_bytes()[:200])
    row = small_project.finish(access, embed(access, None, "pixels"))
    assert row["state"] == JobState.FAILED
    assert str(path) in row["error"]
    assert "sslapp verify" in row["error"]
    path.unlink()
    row = small_project.finish(access, embed(access, None, "pixels"))
    assert row["error"].startswith(f"{path} is missing. `sslapp verify` says")
