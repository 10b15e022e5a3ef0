"""Where things are: the database and the folders of files that belong to it.

A workspace is one folder. Rows in the database name files by paths relative to it, so that a
workspace can be moved, backed up and restored as a whole.
"""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Workspace(BaseSettings):
    """The locations, read from SSLAPP_WORKSPACE, SSLAPP_DATABASE_URL and SSLAPP_IMPORT_ROOTS.

    Attributes:
        workspace: the folder; created on first use.
        database_url: SQLAlchemy URL; empty means SQLite in the workspace.
        import_roots: folders below which a browser user may name server folders, ":"-separated.
    """

    model_config = SettingsConfigDict(env_prefix="SSLAPP_", frozen=True)

    workspace: Path = Field(default=Path("workspace"))
    database_url: str = ""
    import_roots: str = ""

    @property
    def root(self) -> Path:
        """The workspace folder, absolute."""
        return self.workspace.resolve()

    @property
    def url(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.root / 'sslapp.db'}"

    def project(self, project_id: int) -> Path:
        """Folder of a project's originals, pixels, features and snapshots."""
        return self.root / "projects" / str(project_id)

    def job(self, job_id: int) -> Path:
        """Folder of a job's lock, log and attempts."""
        return self.root / "jobs" / str(job_id)

    def attempt(self, job_id: int, attempt: int) -> Path:
        """Folder that one attempt at a job writes to."""
        return self.job(job_id) / f"attempt-{attempt}"

    @property
    def weights(self) -> Path:
        """Folder of network weights that may be chosen by name."""
        return self.root / "weights"

    def relative(self, path: Path) -> str:
        """The path as the database stores it."""
        return path.resolve().relative_to(self.root).as_posix()

    def path(self, stored: str) -> Path:
        """The file that a stored path names."""
        return self.root / stored
