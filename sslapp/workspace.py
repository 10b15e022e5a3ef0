"""Where things are: the database and the folders of files that belong to it.

A workspace is one folder. Rows in the database name files by paths relative to it, so that a
workspace can be moved, backed up and restored as a whole.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url

DATABASE = "sslapp.db"
"""The SQLite database's name in a workspace."""


class Outside(ValueError):
    """A stored path that names a file outside the workspace."""


class Workspace(BaseSettings):
    """The locations, read from SSLAPP_WORKSPACE, SSLAPP_DATABASE_URL and so on.

    Attributes:
        workspace: the folder; created on first use.
        database_url: SQLAlchemy URL; empty means SQLite in the workspace.
        import_roots: folders below which a browser user may name server folders, ":"-separated.
        secrets: folder outside the workspace of the secrets that pseudonyms are made with.
        upload_limit: bytes that one uploaded file may have.
        admins: e-mail addresses of the server's admins where people sign in, comma-separated.
        kernels: how rounds run a network on this machine; auto decides when one is planned.
        deterministic: whether a GPU uses repeatable kernels; by default it does.
    """

    model_config = SettingsConfigDict(env_prefix="SSLAPP_", frozen=True)

    workspace: Path = Field(default=Path("workspace"))
    database_url: str = ""
    import_roots: str = ""
    secrets: Path = Field(default=Path("~/.config/sslapp/secrets"))
    upload_limit: int = Field(default=20 * 2**30, gt=0)
    admins: str = ""
    kernels: Literal["auto", "eager", "compile", "cuda-graphs"] = "auto"
    deterministic: bool | None = None

    @property
    def root(self) -> Path:
        """The workspace folder, absolute."""
        return self.workspace.resolve()

    @property
    def url(self) -> URL:
        """The database's SQLAlchemy URL."""
        if self.database_url:
            return make_url(self.database_url)
        # put together, not written as a text: a folder's name may hold a %, a ? or a #
        return URL.create("sqlite", database=str(self.root / DATABASE))

    @property
    def server_admins(self) -> frozenset[str]:
        """The addresses in `admins`, in small letters."""
        return frozenset(each.strip().lower() for each in self.admins.split(",")) - {""}

    @property
    def import_folders(self) -> tuple[Path, ...]:
        """Folders below which a browser user may name files, resolved.

        Without `import_roots` that is the home folder where one person uses this machine, and none
        where people sign in.
        """
        named = [Path(each).expanduser() for each in self.import_roots.split(":") if each.strip()]
        if not named and not self.server_admins:
            named = [Path.home()]
        return tuple(each.resolve() for each in named)

    @property
    def secrets_folder(self) -> Path:
        """The folder of the secrets, absolute."""
        return self.secrets.expanduser().resolve()

    @property
    def uploads(self) -> Path:
        """Folder of files that browsers sent, until they are imported."""
        return self.root / "uploads"

    @property
    def data(self) -> Path:
        """Folder of the named sets."""
        return self.root / "data"

    def project(self, project_id: int) -> Path:
        """Folder of a project's originals, pixels, features and snapshots."""
        return self.projects / str(project_id)

    def quarantine(self, project_id: int) -> Path:
        """Folder of what imports into a project hold back, a folder an import; for admins alone."""
        return self.root / "quarantine" / str(project_id)

    @property
    def projects(self) -> Path:
        """Folder of the projects' folders."""
        return self.root / "projects"

    @property
    def jobs(self) -> Path:
        """Folder of the jobs' folders."""
        return self.root / "jobs"

    def attempt(self, job_folder: str, attempt: int) -> Path:
        """Folder that one attempt at a job writes to; `job_folder` is the job row's `folder`."""
        return self.jobs / job_folder / f"attempt-{attempt}"

    @property
    def weights(self) -> Path:
        """Folder of network weights that may be chosen by name."""
        return self.root / "weights"

    def relative(self, path: Path) -> str:
        """The path as the database stores it."""
        return path.resolve().relative_to(self.root).as_posix()

    def path(self, stored: str) -> Path:
        """The file that a stored path names.

        Raises:
            Outside: when it lies outside the workspace. A database that came from elsewhere could
                name any file of this machine.
        """
        path = self.root / stored
        if "\0" in stored or not path.resolve().is_relative_to(self.root):
            raise Outside(
                f"The database names the file {stored!r}, which lies outside the workspace "
                f"{self.root}. Nothing there is read or written."
            )
        return path
