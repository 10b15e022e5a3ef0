"""Opening the database and the two kinds of transaction: writing and reading.

SQLite allows one writer at a time. A transaction that starts as a reader and then writes may fail
half-way, so every transaction takes the write lock at its beginning (BEGIN IMMEDIATE) unless it
was opened by `reading`. On PostgreSQL the writers of one project queue at an advisory lock.

SQLite goes on writing into a file that was deleted or replaced under it, and nobody ever sees what
it wrote. So every transaction on it checks that the path still is the file that was opened.
"""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    ExceptionContext,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
    text,
)

from sslapp.store.errors import DatabaseGone, DatabaseMissing, DatabaseTooNew

REVISION = "0009"
"""The newest migration; a database at this revision opens without loading Alembic."""

PROJECT_LOCK = 0x55_1A
"""Class of PostgreSQL's advisory locks; their second half is the project's id."""

_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE, "53100")
"""What SQLite and PostgreSQL call a full disk."""

_BUSY_MILLISECONDS = 30_000
_MIGRATION_LOCK = 0x55_1B


def open_database(url: str | URL, *, may_create: bool = True) -> Engine:
    """Open the database at a SQLAlchemy URL, creating or upgrading it as needed.

    Safe to call from several processes at once; a database that is up to date opens in a few
    milliseconds.

    Args:
        may_create: whether a database that is missing or empty is made; False where files that
            belong to one lie beside it already.

    Raises:
        DatabaseMissing: when there is none and it may not be made.
        DatabaseTooNew: when a later version of the program has upgraded the database.
        ValueError: for a SQLite URL that names no file.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(parsed)
        event.listen(engine, "handle_error", _tell_of_the_disk)
        with engine.begin() as conn:
            conn.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK, 0)))
            _bring_up_to_date(conn, may_create)
        return engine
    if not parsed.database or parsed.database == ":memory:":
        raise ValueError(f"{url}: a SQLite database must be a file, as in sqlite:///folder/name.db")
    path = Path(parsed.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The switch to WAL does not wait for a busy database, so first openings queue at a file.
    with _file_lock(path.with_name(f".{path.name}.lock")):
        if not may_create and not (path.exists() and path.stat().st_size):
            raise _missing(f"{path} is missing or empty")
        engine = _sqlite(parsed, path)
        with engine.begin() as conn:
            _bring_up_to_date(conn, may_create)
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


def overwrite_replaced(engine: Engine) -> None:
    """Let nothing of what was replaced be left in SQLite's write-ahead log.

    While another connection reads, the log stays as it is, and is overwritten by later writes.
    """
    if engine.dialect.name == "sqlite":
        with engine.connect() as conn:
            raw = conn.connection.driver_connection
            assert raw is not None
            raw.rollback()  # the log cannot be emptied in a transaction
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def lock_project(conn: Connection, project_id: int) -> None:
    """Queue behind the project's other writers until this transaction ends (PostgreSQL).

    On SQLite the transaction already holds the only write lock. May be called again.
    """
    if conn.dialect.name != "sqlite":
        conn.execute(select(func.pg_advisory_xact_lock(PROJECT_LOCK, project_id)))


def _sqlite(url: URL, path: Path) -> Engine:
    """An engine that refuses to go on when another file, or none, is at the path."""
    path.touch()
    opened = _Opened(path)
    engine = create_engine(url, connect_args={"timeout": _BUSY_MILLISECONDS / 1000})
    event.listen(engine, "handle_error", _tell_of_the_disk)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "begin", opened.check)
    event.listen(engine, "commit", opened.check)
    return engine


class _Opened:
    """The files that an engine opened: the database, and its write-ahead log.

    The log is made by a first connection and removed by the last one. While a connection is open
    it stays the same file, so each connection keeps the one that it met first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._database = _file_id(path)

    def check(self, conn: Connection) -> None:
        """Raise DatabaseGone unless the paths still are what was opened."""
        log, met = _file_id(self._log), conn.info.get("sslapp_log")
        if met is None:
            conn.info["sslapp_log"] = met = log
        if _file_id(self._path) != self._database or met != log:
            raise DatabaseGone(
                f"The workspace's database, {self._path.name}, was deleted or replaced while it "
                "was open. Nothing more is written. Stop this program, put the right file back if "
                "it is missing, and start it again."
            )


def _file_id(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _tell_of_the_disk(context: ExceptionContext) -> None:
    """Where the disk refused, raise the error that any other file would end with."""
    error, engine = context.original_exception, context.engine
    code = getattr(error, "sqlite_errorcode", None) or getattr(error, "sqlstate", None)
    where = None if engine is None else engine.url.database
    number = errno.ENOSPC if code in _FULL else _refused(code, where)
    if number is not None:
        raise OSError(number, os.strerror(number), where) from error


def _refused(code: int | str | None, where: str | None) -> int | None:
    """The number of the error with which the disk refuses SQLite its file; None for any other."""
    if not isinstance(code, int) or where is None:
        return None
    primary = code & 0xFF
    if primary == sqlite3.SQLITE_IOERR:
        return errno.EIO
    if primary not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return None
    # a transaction that only reads is refused a write in the same words
    if all(os.access(each, os.W_OK) for each in (where, Path(where).parent)):
        return None
    return errno.EROFS if os.statvfs(Path(where).parent).f_flag & os.ST_RDONLY else errno.EACCES


def _set_pragmas(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own
    for pragma in (
        f"busy_timeout = {_BUSY_MILLISECONDS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",  # what is replaced or deleted is overwritten, too
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(conn: Connection) -> None:
    conn.exec_driver_sql(conn.get_execution_options().get("sslapp_begin", "BEGIN IMMEDIATE"))


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _missing(what: str) -> DatabaseMissing:
    return DatabaseMissing(
        f"{what}, but beside it lie files of projects or jobs. A new database would be written "
        "over them. Put the database back (`sslapp restore` unpacks a backup into a new folder), "
        "or move these folders away to begin afresh."
    )


def _bring_up_to_date(conn: Connection, may_create: bool) -> None:
    found = None
    if inspect(conn).has_table("alembic_version"):
        found = conn.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found == REVISION:
        return
    if found is None and not may_create:
        raise _missing("The database holds no tables")
    # Imported here: Alembic takes 0.2 s to load and an up-to-date database does not need it.
    from sslapp.store.migrations import runner

    if found is not None and found not in runner.revisions():
        raise DatabaseTooNew(
            f"The database is at revision {found}, which this version of sslapp does not know "
            f"(it knows revisions up to {REVISION}). Install the newer version that wrote it, or "
            "restore a backup from before the upgrade."
        )
    runner.upgrade(conn)
