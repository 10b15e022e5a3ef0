"""A backup restored elsewhere is the same workspace."""

import io
import tarfile
from pathlib import Path

import pandas as pd
import pytest
import small_project
from sqlalchemy import text

from sslapp.usecases.access import IDENTITY, enter
from sslapp.usecases.exporting.exports import export
from sslapp.usecases.labelling import verdicts
from sslapp.usecases.maintenance.backups import backup, restore
from sslapp.usecases.maintenance.verification import verify_workspace
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.usecases.reviewing.candidates import propose
from sslapp.usecases.training.rounds import round_status, start_round
from sslapp.vocabulary import JobState
from sslapp.workspace import Workspace


def exported(access, target) -> pd.DataFrame:
    row = small_project.finish(access, export(access, None, target))
    assert row["state"] == JobState.DONE, row["error"]
    return pd.read_csv(target)


def restored(tmp_path):
    workspace = Workspace(workspace=tmp_path / "elsewhere" / "workspace")
    assert restore(tmp_path / "backup.tar", workspace) == [small_project.NAME]
    return enter(workspace, "Ann")


def test_a_restored_backup_verifies_and_exports_the_same(reviewed, tmp_path) -> None:
    bulk_decisions.bulk_accept(reviewed, None, [60, 61], unproven=True)
    verdicts.reject(reviewed, None, 62)
    assert backup(reviewed, tmp_path / "backup.tar") == (tmp_path / "backup.tar").stat().st_size
    expected = exported(reviewed, tmp_path / "before.csv")
    access = restored(tmp_path)
    assert small_project.damage(access) is None
    pd.testing.assert_frame_equal(exported(access, tmp_path / "after.csv"), expected)
    assert (
        propose(access, None, threshold=0.0).candidates.positions.tolist()
        == propose(reviewed, None, threshold=0.0).candidates.positions.tolist()
    )
    access.engine.dispose()


@pytest.mark.slow
def test_a_restored_workspace_goes_on_working(project, tmp_path) -> None:
    few = {"steps": 10, "batch_size": 8, "calibration_trainings": "none"}
    start_round(project, None, method="supervised", config=few)
    small_project.run_jobs(project)
    backup(project, tmp_path / "backup.tar")
    access = restored(tmp_path)
    start_round(access, None, method="supervised", config=few)
    small_project.run_jobs(access)
    assert round_status(access, None)["state"] == JobState.DONE
    # the same snapshot, options and seed: the same bits as before the backup
    first, second = (small_project.published(access, number)[0] for number in (1, 2))
    assert first.tobytes() == second.tobytes()
    access.engine.dispose()


def test_a_backup_holds_neither_locks_nor_fetched_data(reviewed, tmp_path) -> None:
    (reviewed.workspace.root / "data").mkdir()
    (reviewed.workspace.root / "data" / "mnist.gz").write_bytes(b"0" * 100)
    (reviewed.workspace.root / "projects" / "half.tmp").write_bytes(b"0")
    (reviewed.workspace.root / "yesterday.tar").write_bytes(b"an earlier backup")
    backup(reviewed, tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar") as archive:
        names = archive.getnames()
    assert "sslapp.db" in names
    assert not [name for name in names if name.startswith(("data", "workers"))]
    assert not [name for name in names if name.endswith((".tmp", ".tar", ".lock"))]


def test_nothing_is_overwritten(reviewed, tmp_path) -> None:
    target = tmp_path / "backup.tar"
    backup(reviewed, target)
    content = target.read_bytes()
    with pytest.raises(ValueError, match="exists already"):
        backup(reviewed, target)
    assert target.read_bytes() == content
    with pytest.raises(ValueError, match=r"is not empty\. Restore into a new folder"):
        restore(target, reviewed.workspace)


@pytest.fixture
def members(reviewed, tmp_path):
    """The members of a backup, and a function that writes them as one."""
    backup(reviewed, tmp_path / "whole.tar")
    with tarfile.open(tmp_path / "whole.tar") as archive:
        found = {each.name: archive.extractfile(each).read() for each in archive.getmembers()}

    def write(changed: dict[str, bytes]) -> Path:
        with tarfile.open(tmp_path / "backup.tar", "w") as archive:
            for name, content in changed.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return tmp_path / "backup.tar"

    return found, write


def refused(source, tmp_path) -> str:
    workspace = Workspace(workspace=tmp_path / "new")
    with pytest.raises(ValueError, match=r"backup\.tar") as caught:
        restore(source, workspace)
    assert not workspace.root.exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("tmp")] == []
    return str(caught.value)


def test_a_missing_member_is_named(members, tmp_path) -> None:
    found, write = members
    for name in found:
        left = {other: content for other, content in found.items() if other != name}
        expected = "holds no sslapp.db" if name == "sslapp.db" else f"{name} is missing"
        assert expected in refused(write(left), tmp_path)


def test_a_changed_member_is_named(members, tmp_path) -> None:
    found, write = members
    for name in (each for each in found if each != "manifest.json"):
        content = bytearray(found[name])
        content[len(content) // 2] ^= 1
        said = refused(write({**found, name: bytes(content)}), tmp_path)
        assert f"{name} was changed" in said


def test_a_member_that_is_no_part_of_it_is_named(members, tmp_path) -> None:
    found, write = members
    source = write({**found, "projects/1/more.npy": b"0"})
    assert "projects/1/more.npy is no part of it" in refused(source, tmp_path)
    source = write({**found, "manifest.json": b"[]"})
    assert "its manifest.json cannot be read" in refused(source, tmp_path)


@pytest.mark.parametrize("damage", ["cut", "no tar", "no database"])
def test_what_is_no_whole_backup_is_refused_and_leaves_nothing(damage, reviewed, tmp_path) -> None:
    target = tmp_path / "backup.tar"
    backup(reviewed, target)
    if damage == "cut":
        target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])
    if damage == "no tar":
        target.write_bytes(b"not a tar file")
    if damage == "no database":
        with tarfile.open(target, "w") as archive:
            archive.add(__file__, "something.py")
    refused(target, tmp_path)


def test_a_log_that_was_damaged_before_the_backup_is_not_restored(reviewed, tmp_path) -> None:
    with reviewed.engine.begin() as conn:
        conn.execute(text("DROP TRIGGER event_no_update"))
        conn.execute(text("UPDATE event SET key = 'another' WHERE number = 20"))
    backup(reviewed, tmp_path / "backup.tar")
    assert "Event 20 was changed" in refused(tmp_path / "backup.tar", tmp_path)


@pytest.mark.parametrize("how", ["flipped", "missing"])
def test_no_backup_is_made_of_a_damaged_file(reviewed, tmp_path, how) -> None:
    path = next(reviewed.workspace.jobs.glob("*/attempt-1/features.npy"))
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    what = "is missing" if how == "missing" else "is not what was written"
    with pytest.raises(ValueError, match=rf"features\.npy {what}, so no backup was made"):
        backup(reviewed, tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()


def test_a_restored_workspace_is_another_one(reviewed, tmp_path) -> None:
    backup(reviewed, tmp_path / "backup.tar")
    access = restored(tmp_path)
    assert access.workspace_id != reviewed.workspace_id
    assert (access.workspace.root / IDENTITY).read_text().strip() == access.workspace_id
    assert verify_workspace(access.workspace).ok
    access.engine.dispose()


def test_what_names_files_of_another_machine_is_not_taken_up_again(reviewed, tmp_path) -> None:
    target = tmp_path / "elsewhere.csv"
    export(reviewed, None, target)
    backup(reviewed, tmp_path / "backup.tar")
    access = restored(tmp_path)
    assert small_project.run_jobs(access) == 0
    assert not target.exists()
    access.engine.dispose()


def test_a_backup_outside_sqlite_names_the_right_tool(reviewed, tmp_path) -> None:
    from dataclasses import replace

    elsewhere = Workspace(workspace=reviewed.workspace.root, database_url="postgresql://x/y")
    with pytest.raises(ValueError, match="pg_dump"):
        backup(replace(reviewed, workspace=elsewhere), tmp_path / "backup.tar")
