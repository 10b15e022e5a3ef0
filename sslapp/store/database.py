"""Opening the database and the two kinds of transaction: writing and reading.

SQLite allows one writer at a time. A transaction that starts as a reader and then writes may fail
half-way, so every transaction takes the write lock at its beginning (BEGIN IMMEDIATE) unless it
was opened by `reading`. On PostgreSQL the writers of one project queue at an advisory lock.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
    text,
)

from sslapp.store.errors import DatabaseTooNew

REVISION = "0002"
"""The newest migration; a database at this revision opens without loading Alembic."""

PROJECT_LOCK = 0x55_1A
"""Class of PostgreSQL's advisory locks; their second half is the project's id."""

_BUSY_MILLISECONDS = 30_000
_MIGRATION_LOCK = 0x55_1B


def open_database(url: str) -> Engine:
    """Open the database at a SQLAlchemy URL, creating or upgrading it as needed.

    Safe to call from several processes at once; a database that is up to date opens in a few
    milliseconds.

    Raises:
        DatabaseTooNew: when a later version of the program has upgraded the database.
        ValueError: for a SQLite URL that names no file.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(url)
        with engine.begin() as conn:
            conn.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK, 0)))
            _bring_up_to_date(conn)
        return engine
    if not parsed.database or parsed.database == ":memory:":
        raise ValueError(f"{url}: a SQLite database must be a file, as in sqlite:///folder/name.db")
    path = Path(parsed.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": _BUSY_MILLISECONDS / 1000})
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    # The switch to WAL does not wait for a busy database, so first openings queue at a file.
    with _file_lock(path.with_name(f".{path.name}.lock")), engine.begin() as conn:
        _bring_up_to_date(conn)
    return engine


@contextmanager
def writing(engine: Engine, project_id: int | None = None) -> Iterator[Connection]:
    """Yield a connection in one write transaction, committed at the end of the block.

    Args:
        engine: from `open_database`.
        project_id: the project whose writers must queue; None for work outside projects.
    """
    with engine.begin() as conn:
        lock_project(conn, project_id or 0)
        yield conn


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that sees one moment of the database and cannot write.

    It takes no lock: readers and writers do not wait for each other.
    """
    if engine.dialect.name != "sqlite":
        engine = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        with engine.begin() as conn:
            yield conn
        return
    with engine.execution_options(sslapp_begin="BEGIN DEFERRED").begin() as conn:
        conn.exec_driver_sql("PRAGMA query_only = ON")
        try:
            yield conn
        finally:
            conn.exec_driver_sql("PRAGMA query_only = OFF")


def lock_project(conn: Connection, project_id: int) -> None:
    """Queue behind the project's other writers until this transaction ends (PostgreSQL).

    On SQLite the transaction already holds the only write lock. May be called again.
    """
    if conn.dialect.name != "sqlite":
        conn.execute(select(func.pg_advisory_xact_lock(PROJECT_LOCK, project_id)))


def _set_pragmas(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own
    for pragma in (
        f"busy_timeout = {_BUSY_MILLISECONDS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(conn: Connection) -> None:
    conn.exec_driver_sql(conn.get_execution_options().get("sslapp_begin", "BEGIN IMMEDIATE"))


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _bring_up_to_date(conn: Connection) -> None:
    found = None
    if inspect(conn).has_table("alembic_version"):
        found = conn.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found == REVISION:
        return
    # Imported here: Alembic takes 0.2 s to load and an up-to-date database does not need it.
    from sslapp.store.migrations import runner

    if found is not None and found not in runner.revisions():
        raise DatabaseTooNew(
            f"The database is at revision {found}, which this version of sslapp does not know "
            f"(it knows revisions up to {REVISION}). Install the newer version that wrote it, or "
            "restore a backup from before the upgrade."
        )
    runner.upgrade(conn)
