"""A database for every test, on SQLite and, when SSLAPP_TEST_POSTGRES names one, on PostgreSQL."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, make_url, text
from store_desk import Desk, lay_desk

from sslapp.store.database import open_database, writing

SERVER = os.environ.get("SSLAPP_TEST_POSTGRES", "")


@pytest.fixture(params=["sqlite", "postgresql"] if SERVER else ["sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that does not exist yet (SQLite) or is empty (PostgreSQL)."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'work' / 'sslapp.db'}"
        return
    # A schema of its own stands for a fresh database.
    schema = f"test_{uuid.uuid4().hex}"
    admin = create_engine(SERVER)
    with admin.begin() as conn:
        conn.execute(text(f"CREATE SCHEMA {schema}"))
    own = make_url(SERVER).update_query_dict({"options": f"-csearch_path={schema}"})
    yield own.render_as_string(hide_password=False)
    with admin.begin() as conn:
        conn.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    admin.dispose()


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
def engine(url: str, migrated: Path, migrating: list[tuple[str, Any]]) -> Iterator[Engine]:
    """A new database at the newest revision, open."""
    if url.startswith("sqlite"):
        path = Path(str(make_url(url).database))
        path.parent.mkdir()
        shutil.copy(migrated, path)
    elif migrating:
        _repeat(migrating, url)
    else:
        with recorded(migrating):
            open_database(url).dispose()
    opened = open_database(url)
    yield opened
    opened.dispose()


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


def _repeat(statements: list[tuple[str, Any]], url: str) -> None:
    """Make in a new schema what a migration made in another; Alembic takes ten times as long."""
    engine = create_engine(url)
    with engine.begin() as conn:
        for statement, parameters in statements:
            conn.exec_driver_sql(statement, parameters or None)
    engine.dispose()


@pytest.fixture
def desk(engine: Engine) -> Desk:
    with writing(engine) as conn:
        return lay_desk(conn)
