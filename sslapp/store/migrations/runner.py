"""Running the migrations on an open connection, configured in code."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def config(conn: Connection | None = None) -> Config:
    """The Alembic configuration, bound to a connection when one is given."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = conn
    return settings


def revisions() -> frozenset[str]:
    """Every revision this version of the program knows."""
    script = ScriptDirectory.from_config(config())
    return frozenset(revision.revision for revision in script.walk_revisions())


def upgrade(conn: Connection) -> None:
    """Bring the database to the newest revision inside the connection's transaction."""
    command.upgrade(config(conn), "head")
