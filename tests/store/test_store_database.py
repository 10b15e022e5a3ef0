"""Opening, upgrading and refusing databases; transactions of several processes."""

import errno
import multiprocessing
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import store_workers
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from store_desk import Desk

from sslapp.store.database import PROJECT_LOCK, REVISION, open_database, reading, writing
from sslapp.store.errors import DatabaseGone, DatabaseMissing, DatabaseTooNew
from sslapp.store.log.events import read
from sslapp.store.migrations import runner
from sslapp.store.projects import ProjectSettings, create_project, find_project
from sslapp.store.schema import metadata
from sslapp.store.verify import verify
from sslapp.workspace import Workspace


def test_the_migrated_schema_is_the_declared_one(engine: Engine) -> None:
    with reading(engine) as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []


def test_the_migrated_sqlite_tables_have_the_declared_checks_too(tmp_path: Path) -> None:
    def tables(engine: Engine) -> dict[str, list[str]]:
        query = text("SELECT name, sql FROM sqlite_master WHERE name != 'alembic_version'")
        with engine.connect() as conn:
            # The order of columns and constraints in a definition means nothing.
            return {
                name: sorted(sql.replace(",", " ").split())
                for name, sql in conn.execute(query)
                if sql
            }

    declared = create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
    metadata.create_all(declared)
    migrated = open_database(f"sqlite:///{tmp_path / 'migrated.db'}")
    found = {name: sql for name, sql in tables(migrated).items() if "TRIGGER" not in sql}
    assert found == tables(declared)


def test_the_newest_migration_is_the_revision_the_code_expects() -> None:
    script = ScriptDirectory.from_config(runner.config())
    assert script.get_heads() == [REVISION]


def test_a_full_disk_is_an_error_of_the_disk(tmp_path: Path, migrated: Path) -> None:
    path = tmp_path / "sslapp.db"
    shutil.copy(migrated, path)
    engine = open_database(f"sqlite:///{path}")

    with pytest.raises(OSError, match="No space left on device") as caught, writing(engine) as conn:
        conn.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite says the same on a full disk
        for number in range(200):
            create_project(conn, f"{number}".rjust(200, "x"), ProjectSettings())
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    engine.dispose()


def test_a_disk_that_lets_nothing_be_written_is_told_from_a_transaction_that_only_reads(
    tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sslapp.db"
    shutil.copy(migrated, path)
    engine = open_database(f"sqlite:///{path}")

    def write() -> None:
        with reading(engine) as conn:  # SQLite says the same of a file that cannot be written
            conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(OperationalError, match="readonly"):
        write()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError) as caught:
        write()
    assert caught.value.filename == str(path)
    engine.dispose()


def test_a_database_of_a_newer_version_is_refused(engine: Engine, url: str) -> None:
    with writing(engine) as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseTooNew, match=r"revision 9999.*Install the newer version"):
        open_database(url)


def test_opening_an_up_to_date_database_is_quick_and_changes_nothing(
    engine: Engine, url: str, desk: Desk
) -> None:
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        again = open_database(url)
        seconds.append(time.perf_counter() - start)
        with reading(again) as conn:
            assert verify(conn, desk.project_id).ok
        again.dispose()
    # Loading Alembic alone would take ten times as long.
    assert min(seconds) < 0.1


def test_sqlite_commits_are_durable_and_foreign_keys_hold(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'new' / 'folder' / 'a.db'}")
    with reading(engine) as conn:
        values = [
            conn.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert values == ["wal", 2, 1, 30_000]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be a file"):
        open_database(url)


@pytest.mark.postgres
@pytest.mark.skipif(
    not os.environ.get("SSLAPP_TEST_POSTGRES"),
    reason="set SSLAPP_TEST_POSTGRES to a PostgreSQL URL to run the store's tests on it too",
)
def test_postgresql_writers_of_a_project_queue_and_those_of_others_do_not() -> None:
    engine = create_engine(os.environ["SSLAPP_TEST_POSTGRES"])
    free = text("SELECT pg_try_advisory_xact_lock(:kind, :project)")
    with writing(engine, 1), engine.begin() as other:
        assert not other.execute(free, {"kind": PROJECT_LOCK, "project": 1}).scalar()
        assert other.execute(free, {"kind": PROJECT_LOCK, "project": 2}).scalar()
    engine.dispose()


@pytest.mark.slow
def test_eight_processes_create_one_database_and_write_one_unbroken_chain(url: str) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["store_workers", "sslapp.store.migrations.runner"])
    start = processes.Event()
    workers = [
        processes.Process(target=store_workers.write, args=(url, start, f"p{i}", 60))
        for i in range(8)
    ]
    for worker in workers:
        worker.start()
    start.set()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 8
    engine = open_database(url)
    with reading(engine) as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []
        found = verify(conn, find_project(conn, "shared").id)
    engine.dispose()
    assert (found.problem, found.events) == (None, 8 * 60)


@pytest.mark.slow
def test_a_transaction_that_was_killed_leaves_nothing(url: str, engine: Engine, desk: Desk) -> None:
    processes = multiprocessing.get_context("spawn")
    worker = processes.Process(target=store_workers.die_inside, args=(url, desk.project_id))
    worker.start()
    worker.join()
    assert worker.exitcode == 9
    with reading(engine) as conn:
        found = verify(conn, desk.project_id)
        keys = [each.key for each in read(conn, desk.project_id)]
    assert found.ok, found.problem
    assert keys[-1] == "kept"


CHANGE = text("UPDATE workspace SET id = id")


def path_of(engine: Engine) -> Path:
    return Path(str(engine.url.database))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Engine]:
    """A SQLite database with a write-ahead log, as a running server holds it."""
    engine = open_database(f"sqlite:///{tmp_path / 'work' / 'sslapp.db'}")
    with writing(engine) as conn:
        conn.execute(CHANGE)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("what", ["sslapp.db", "sslapp.db-wal"])
def test_nothing_is_written_into_a_file_that_was_deleted(opened: Engine, what: str) -> None:
    path_of(opened).with_name(what).rename(path_of(opened).with_name("away"))
    for transaction in (writing, reading):
        with pytest.raises(DatabaseGone, match="was deleted or replaced"), transaction(opened):
            pytest.fail("a transaction began")
    path_of(opened).with_name("away").rename(path_of(opened).with_name(what))
    with writing(opened) as conn:  # put back, it is the same file
        conn.execute(CHANGE)


def test_nothing_is_written_when_another_database_lies_at_the_path(
    opened: Engine, tmp_path: Path
) -> None:
    other = open_database(f"sqlite:///{tmp_path / 'other.db'}")
    other.dispose()
    (tmp_path / "other.db").replace(path_of(opened))
    with pytest.raises(DatabaseGone), writing(opened):
        pytest.fail("a transaction began")


def test_a_database_deleted_in_the_middle_of_a_transaction_takes_no_commit(opened: Engine) -> None:
    with pytest.raises(DatabaseGone), writing(opened) as conn:
        conn.execute(CHANGE)
        path_of(opened).unlink()


@pytest.mark.parametrize("left", ["nothing", "an empty file", "a database without tables"])
def test_no_database_is_made_where_one_must_be(tmp_path: Path, left: str) -> None:
    path = tmp_path / "sslapp.db"
    if left == "an empty file":
        path.touch()
    if left == "a database without tables":
        with closing(sqlite3.connect(path)) as conn:
            conn.execute("CREATE TABLE other (id)")
    with pytest.raises(DatabaseMissing, match="Put the database back"):
        open_database(f"sqlite:///{path}", may_create=False)
    assert path.exists() == (left != "nothing")


def test_a_folder_may_be_called_what_an_address_would_misread(tmp_path: Path) -> None:
    root = tmp_path / "100%20 ? #1 & more"
    workspace = Workspace(workspace=root, database_url="")
    root.mkdir()
    engine = open_database(workspace.url)
    assert path_of(engine) == root / "sslapp.db"
    engine.dispose()
    assert [each.name for each in tmp_path.iterdir()] == [root.name]
