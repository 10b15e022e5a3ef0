"""Every workspace that an earlier version wrote still opens, and says what it did not record.

`workspaces/REVISION.tar.xz` was written by the last commit with that revision, from 0003 on as a
backup with its manifest: 60 digits as files, an embedding (from 0002 on with encoded views), 20
labels, a finished round, four decisions on it.
"""

import tarfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import small_project
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from sslapp.store import snapshots
from sslapp.store.database import reading, writing
from sslapp.store.log.events import read
from sslapp.store.schema import embedding, event, round_, view_set
from sslapp.usecases.access import Access, enter
from sslapp.usecases.maintenance.backups import restore
from sslapp.usecases.maintenance.verification import record, verify_workspace
from sslapp.usecases.reviewing.candidates import propose
from sslapp.usecases.training.rounds import round_status, start_round
from sslapp.vocabulary import EventKind, JobState
from sslapp.workspace import Workspace

HERE = Path(__file__).parent / "workspaces"
REVISIONS = sorted(path.name.removesuffix(".tar.xz") for path in HERE.glob("*.tar.xz"))
UNSEALED = [revision for revision in REVISIONS if revision < "0003"]
"""Those that were written before rows had seals."""
RESTORED = [REVISIONS[0], UNSEALED[-1], REVISIONS[len(UNSEALED)], REVISIONS[-1]]
"""The first and the last of those without a manifest, and of those with one; all are opened."""

Open = Callable[[str], Workspace]
Enter = Callable[[str], Access]


@pytest.fixture
def unpacked(tmp_path: Path) -> Open:
    def unpack(revision: str) -> Workspace:
        with tarfile.open(HERE / f"{revision}.tar.xz") as archive:
            archive.extractall(tmp_path / "old", filter="data")
        return Workspace(workspace=tmp_path / "old", database_url="")

    return unpack


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that gives a workspace after its first opening, closed: copy it."""

    @cache
    def upgrade(revision: str) -> Path:
        folder = tmp_path_factory.mktemp(f"upgraded-{revision}")
        with tarfile.open(HERE / f"{revision}.tar.xz") as archive:
            archive.extractall(folder / "old", filter="data")
        enter(Workspace(workspace=folder / "old", database_url=""), "Ann").engine.dispose()
        return folder / "old"

    return upgrade


@pytest.fixture
def entered(upgraded: Callable[[str], Path], tmp_path: Path) -> Iterator[Callable[[str], Access]]:
    """A function that opens a copy of an upgraded workspace as Ann."""
    opened = []

    def open_copy(revision: str) -> Access:
        opened.append(small_project.copy(upgraded(revision), tmp_path / revision))
        return opened[-1]

    yield open_copy
    for access in opened:
        access.engine.dispose()


def test_there_is_a_workspace_of_every_revision_before_this_one() -> None:
    versions = HERE.parents[3] / "sslapp" / "store" / "migrations" / "versions"
    known = sorted(path.name[:4] for path in versions.glob("0*.py"))
    assert known[:-1] == REVISIONS


@pytest.mark.parametrize("revision", UNSEALED)
def test_it_opens_verifies_and_names_what_was_not_recorded(unpacked: Open, revision: str) -> None:
    workspace = unpacked(revision)
    found = verify_workspace(workspace)
    assert found.ok, found.every_problem
    notes = " ".join(found.projects["Digits"].notes)
    for each in ("rows are older than seals", "true labels' hash", "curves of 1", "files have no"):
        assert each in notes


@pytest.mark.slow
@pytest.mark.parametrize("revision", sorted({*REVISIONS} - {*UNSEALED}))
def test_it_opens_and_verifies_and_all_of_it_was_recorded(unpacked: Open, revision: str) -> None:
    workspace = unpacked(revision)
    found = verify_workspace(workspace)
    assert found.ok, found.every_problem
    assert found.projects["Digits"].notes == ()
    assert record(workspace) == 0


@pytest.mark.parametrize("revision", REVISIONS)
def test_its_snapshot_keeps_its_hash_and_the_same_kinds_have_a_say_in_the_next(
    entered: Enter, revision: str
) -> None:
    access = entered(revision)
    with reading(access.engine) as conn:
        row = snapshots.find_snapshot(conn, 1)
        events = list(read(conn, 1))
        (frozen,) = (each for each in events if each.kind is EventKind.SNAPSHOT)
        assert frozen.payload == {"event_number": row.event_number, "sha256": row.hash}
        accepted = next(each for each in events if each.kind is EventKind.BULK_ACCEPT)
        # the bulk of withheld candidates after it and the end of the round before it have none
        assert events[-1].kind is EventKind.BULK_WITHHOLD
        assert snapshots.last_content(conn, 1) == accepted.number
    assert snapshots.load(access.workspace, row).hash == row.hash


@pytest.mark.parametrize("revision", REVISIONS)
def test_its_log_takes_a_kind_of_a_later_version_and_no_change(
    entered: Enter, revision: str
) -> None:
    engine = entered(revision).engine
    for change in ("UPDATE event SET kind = 'skip'", "DELETE FROM event"):
        with pytest.raises(DBAPIError, match="append-only"), writing(engine) as conn:
            conn.execute(text(change))
    with writing(engine) as conn:
        row = dict(conn.execute(event.select().order_by(event.c.number.desc())).first()._mapping)
        later = {"number": row["number"] + 1, "kind": "a_kind_of_later", "key": "later"}
        conn.execute(event.insert(), {**row, **later})


@pytest.mark.slow
@pytest.mark.parametrize("revision", UNSEALED)
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


@pytest.mark.slow
@pytest.mark.parametrize("revision", REVISIONS)
def test_its_round_names_what_it_was_trained_on_and_the_next_one_works(
    entered: Enter, revision: str
) -> None:
    access = entered(revision)
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


@pytest.mark.slow
@pytest.mark.parametrize("revision", RESTORED)
def test_a_backup_of_then_is_restored(unpacked: Open, revision: str, tmp_path: Path) -> None:
    old = unpacked(revision)
    with tarfile.open(tmp_path / "old.tar", "w") as archive:
        for path in sorted(old.root.rglob("*")):
            archive.add(path, path.relative_to(old.root).as_posix(), recursive=False)
    new = Workspace(workspace=tmp_path / "new", database_url="")
    assert restore(tmp_path / "old.tar", new) == ["Digits"]
    assert verify_workspace(new).ok
