"""A database for every test, on SQLite and, when SSLAPP_TEST_POSTGRES names one, on PostgreSQL."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, make_url
from store_desk import Desk, lay_desk

from sslapp.store.database import lock_project, open_database, writing

SERVER = os.environ.get("SSLAPP_TEST_POSTGRES", "")
KINDS = ["sqlite", "postgresql"] if SERVER else ["sqlite"]
IN_SCHEMA = "-csearch_path="


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """One connection to PostgreSQL for what stands around the tests: an engine's first one asks
    the server a lot."""
    import psycopg

    address = make_url(SERVER).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as conn:
        yield conn


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that does not exist yet (SQLite) or is empty (PostgreSQL)."""
    with _address(request, tmp_path) as address:
        yield address


@contextmanager
def _address(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{folder / 'work' / 'sslapp.db'}"
        return
    # A schema of its own stands for a fresh database.
    schema = f"test_{uuid.uuid4().hex}"
    server = request.getfixturevalue("server")
    server.execute(f"CREATE SCHEMA {schema}")
    own = make_url(SERVER).update_query_dict({"options": f"{IN_SCHEMA}{schema}"})
    yield own.render_as_string(hide_password=False)
    server.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new SQLite database, closed; copying it is quicker than to migrate another one."""
    path = tmp_path_factory.mktemp("migrated") / "sslapp.db"
    open_database(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture(scope="session")
def migrating() -> list[tuple[str, Any]]:
    """Filled by a worker's first migration on PostgreSQL: its statements, and what is in them."""
    return []


@pytest.fixture
def engine(url: str, made: Callable[[str], Engine]) -> Iterator[Engine]:
    """A new database at the newest revision, open."""
    opened = made(url)
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def made(
    request: pytest.FixtureRequest, migrated: Path, migrating: list[tuple[str, Any]]
) -> Callable[[str], Engine]:
    """A function that makes a database at the newest revision and opens it."""

    def make(url: str) -> Engine:
        if url.startswith("sqlite"):
            path = Path(str(make_url(url).database))
            path.parent.mkdir()
            shutil.copy(migrated, path)
        elif migrating:
            _repeat(migrating, url, request.getfixturevalue("server"))
        else:
            with recorded(migrating):
                open_database(url).dispose()
        return open_database(url)

    return make


@pytest.fixture(scope="module", params=KINDS)
def kept(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    made: Callable[[str], Engine],
) -> Iterator[tuple[Engine, Desk]]:
    """A desk in a database that tests of a module share: they change it by `undone` alone."""
    with _address(request, tmp_path_factory.mktemp("kept")) as url:
        opened = made(url)
        with writing(opened) as conn:
            desk = lay_desk(conn)
        yield opened, desk
        opened.dispose()


@pytest.fixture
def kept_desk(kept: tuple[Engine, Desk]) -> Desk:
    """The desk that `undone` has."""
    return kept[1]


@pytest.fixture
def undone(kept: tuple[Engine, Desk]) -> Iterator[Connection]:
    """One transaction of a test, which is rolled back; making a database takes much longer."""
    engine, desk = kept
    with engine.connect() as conn, conn.begin() as transaction:
        lock_project(conn, desk.project_id)
        yield conn
        transaction.rollback()


@contextmanager
def recorded(statements: list[tuple[str, Any]]) -> Iterator[None]:
    """Keep every statement that changes a database, of any engine."""

    def keep(_conn, _cursor, statement, parameters, _context, many):
        assert not many
        if not statement.lstrip().startswith("SELECT"):
            statements.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", keep)
    yield
    event.remove(Engine, "before_cursor_execute", keep)


def _repeat(statements: list[tuple[str, Any]], url: str, server: Any) -> None:
    """Make in a new schema what a migration made in another; Alembic takes ten times as long."""
    options = make_url(url).query["options"]
    assert isinstance(options, str)
    with server.transaction():
        server.execute(f"SET LOCAL search_path TO {options.removeprefix(IN_SCHEMA)}")
        for statement, parameters in statements:
            server.execute(statement, parameters or {})


@pytest.fixture
def desk(engine: Engine) -> Desk:
    with writing(engine) as conn:
        return lay_desk(conn)
