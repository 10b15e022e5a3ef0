"""A backup restored elsewhere is the same workspace."""

import tarfile

import pandas as pd
import pytest
import small_project

from sslapp.usecases import bulk_decisions, decisions
from sslapp.usecases.access import enter
from sslapp.usecases.backups import backup, restore
from sslapp.usecases.exports import export
from sslapp.usecases.predictions import propose
from sslapp.usecases.rounds import round_status, start_round
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
    bulk_decisions.bulk_accept(reviewed, None, [60, 61])
    decisions.reject(reviewed, None, 62)
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


def test_a_restored_workspace_goes_on_working(reviewed, tmp_path) -> None:
    backup(reviewed, tmp_path / "backup.tar")
    access = restored(tmp_path)
    start_round(access, None, method="supervised", config=small_project.TINY_SUPERVISED)
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
    backup(reviewed, tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar") as archive:
        names = archive.getnames()
    assert "sslapp.db" in names
    assert not [name for name in names if name.startswith(("data", "workers"))]
    assert not [name for name in names if name.endswith(".tmp")]


def test_nothing_is_overwritten(reviewed, tmp_path) -> None:
    target = tmp_path / "backup.tar"
    backup(reviewed, target)
    content = target.read_bytes()
    with pytest.raises(ValueError, match="exists already"):
        backup(reviewed, target)
    assert target.read_bytes() == content
    with pytest.raises(ValueError, match=r"is not empty\. Restore into a new folder"):
        restore(target, reviewed.workspace)


@pytest.mark.parametrize("damage", ["cut", "no tar", "no database", "changed event"])
def test_a_damaged_backup_is_refused_and_leaves_nothing(damage, reviewed, tmp_path) -> None:
    target = tmp_path / "backup.tar"
    if damage == "changed event":
        from sqlalchemy import text

        with reviewed.engine.begin() as conn:
            for (name,) in conn.execute(
                text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            ).all():
                conn.execute(text(f"DROP TRIGGER {name}"))
            conn.execute(text("UPDATE event SET key = 'another' WHERE number = 20"))
    backup(reviewed, target)
    if damage == "cut":
        target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])
    if damage == "no tar":
        target.write_bytes(b"not a tar file")
    if damage == "no database":
        with tarfile.open(target, "w") as archive:
            archive.add(__file__, "something.py")
    workspace = Workspace(workspace=tmp_path / "new")
    with pytest.raises(ValueError, match=r"backup\.tar"):
        restore(target, workspace)
    assert not workspace.root.exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("tmp")] == []


def test_a_backup_outside_sqlite_names_the_right_tool(reviewed, tmp_path) -> None:
    from dataclasses import replace

    elsewhere = Workspace(workspace=reviewed.workspace.root, database_url="postgresql://x/y")
    with pytest.raises(ValueError, match="pg_dump"):
        backup(replace(reviewed, workspace=elsewhere), tmp_path / "backup.tar")
