"""Every workspace that an earlier version wrote still opens, and says what it did not record.

`workspaces/REVISION.tar.xz` was written by the last commit with that revision: 60 digits as files,
an embedding (from 0002 on with encoded views), 20 labels, a finished round, four decisions on it.
"""

import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import small_project
from sqlalchemy import select

from sslapp.store.database import reading
from sslapp.store.schema import embedding, round_, view_set
from sslapp.usecases.access import enter
from sslapp.usecases.maintenance.backups import restore
from sslapp.usecases.maintenance.verification import record, verify_workspace
from sslapp.usecases.reviewing.predictions import propose
from sslapp.usecases.training.rounds import round_status, start_round
from sslapp.vocabulary import JobState
from sslapp.workspace import Workspace

HERE = Path(__file__).parent / "workspaces"
REVISIONS = sorted(path.name.removesuffix(".tar.xz") for path in HERE.glob("*.tar.xz"))

Open = Callable[[str], Workspace]


@pytest.fixture
def unpacked(tmp_path: Path) -> Open:
    def unpack(revision: str) -> Workspace:
        with tarfile.open(HERE / f"{revision}.tar.xz") as archive:
            archive.extractall(tmp_path / "old", filter="data")
        return Workspace(workspace=tmp_path / "old", database_url="")

    return unpack


def test_there_is_a_workspace_of_every_revision_before_this_one() -> None:
    versions = HERE.parents[3] / "sslapp" / "store" / "migrations" / "versions"
    known = sorted(path.name[:4] for path in versions.glob("0*.py"))
    assert known[:-1] == REVISIONS


@pytest.mark.parametrize("revision", REVISIONS)
def test_it_opens_verifies_and_names_what_was_not_recorded(unpacked: Open, revision: str) -> None:
    workspace = unpacked(revision)
    found = verify_workspace(workspace)
    assert found.ok, found.every_problem
    notes = " ".join(found.projects["Digits"].notes)
    for each in ("rows are older than seals", "true labels' hash", "curves of 1", "files have no"):
        assert each in notes


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_was_not_recorded_can_be_and_is_watched_from_then_on(
    unpacked: Open, revision: str
) -> None:
    workspace = unpacked(revision)
    assert record(workspace) > 10
    assert verify_workspace(workspace).projects["Digits"].notes == ()
    assert record(workspace) == 0
    pixels = next(workspace.jobs.glob("*/attempt-1/pixels.npy"))
    content = bytearray(pixels.read_bytes())
    content[-5] ^= 1
    pixels.write_bytes(content)
    (problem,) = verify_workspace(workspace).every_problem
    assert str(pixels) in problem


@pytest.mark.parametrize("revision", REVISIONS)
def test_its_round_names_what_it_was_trained_on_and_the_next_one_works(
    unpacked: Open, revision: str
) -> None:
    access = enter(unpacked(revision), "Ann")
    with reading(access.engine) as conn:
        row = conn.execute(select(round_)).one()
        embedded = conn.execute(select(embedding.c.id)).scalar_one()
        views = conn.execute(select(view_set.c.id)).scalar()
    assert (row.embedding_id, row.view_set_id) == (embedded, views)
    assert len(propose(access, None, threshold=0.0).candidates)
    start_round(access, None, method="label-propagation")
    small_project.run_jobs(access)
    assert round_status(access, None)["state"] == JobState.DONE
    assert small_project.damage(access) is None
    access.engine.dispose()


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_backup_of_then_is_restored(unpacked: Open, revision: str, tmp_path: Path) -> None:
    old = unpacked(revision)
    with tarfile.open(tmp_path / "old.tar", "w") as archive:
        for path in sorted(old.root.rglob("*")):
            archive.add(path, path.relative_to(old.root).as_posix(), recursive=False)
    new = Workspace(workspace=tmp_path / "new", database_url="")
    assert restore(tmp_path / "old.tar", new) == ["Digits"]
    assert verify_workspace(new).ok
