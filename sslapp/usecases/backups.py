"""Backup and restore of a whole workspace, as one tar file."""

import sqlite3
import tarfile
import tempfile
from pathlib import Path

from sslapp import durable
from sslapp.store import projects
from sslapp.store.database import open_database, reading
from sslapp.store.verify import verify
from sslapp.usecases.access import Access
from sslapp.usecases.verification import damaged_file
from sslapp.workspace import Workspace

DATABASE = "sslapp.db"
LEFT_OUT = ("workers", "data")
"""Folders of the workspace that a restored one makes anew or fetches again."""


def backup(access: Access, target: Path) -> int:
    """Write database and files to `target` and return its size in bytes.

    Readers may go on meanwhile: the database is copied first, as of one moment, and the files
    it names are only ever added to.

    Raises:
        ValueError: when the database is not in the workspace, or `target` exists.
    """
    if access.workspace.database_url:
        raise ValueError(
            "The database lies outside the workspace: back it up with its own tool (pg_dump), "
            "then copy the workspace folder."
        )
    if target.exists():
        raise ValueError(f"{target} exists already. Name a file that does not.")
    root = access.workspace.root
    with tempfile.TemporaryDirectory(dir=root) as folder:
        copy = Path(folder) / DATABASE
        _copy_database(root / DATABASE, copy)

        def fill(file: object) -> None:
            with tarfile.open(fileobj=file, mode="w") as archive:  # type: ignore[call-overload]
                archive.add(copy, DATABASE)
                for path in sorted(root.iterdir()):
                    if path.is_dir() and path.name not in LEFT_OUT and path != Path(folder):
                        _add(archive, path, root)

        durable.write(target, fill)
    return target.stat().st_size


def restore(source: Path, workspace: Workspace) -> list[str]:
    """Unpack a backup into an empty workspace, verify it, and return the projects' names.

    Raises:
        ValueError: when the workspace is not empty, or the backup is damaged.
    """
    root = workspace.root
    if root.exists() and any(root.iterdir()):
        raise ValueError(f"{root} is not empty. Restore into a new folder.")
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        unpacked = Path(folder) / "workspace"
        try:
            with tarfile.open(source) as archive:
                archive.extractall(unpacked, filter="data")
        except (tarfile.TarError, OSError) as error:
            raise ValueError(f"{source} is not a readable backup: {error}.") from None
        names = _verified(unpacked, source)
        if root.exists():
            root.rmdir()
        unpacked.replace(root)
    durable.sync_folder(root.parent)
    return names


def _verified(folder: Path, source: Path) -> list[str]:
    if not (folder / DATABASE).exists():
        raise ValueError(f"{source} holds no {DATABASE}; it is not a backup of a workspace.")
    unpacked = Workspace(workspace=folder, database_url="")
    engine = open_database(unpacked.url)
    try:
        with reading(engine) as conn:
            rows = projects.list_projects(conn)
            for row in rows:
                found = verify(conn, row.id)
                problem = found.problem or damaged_file(conn, unpacked, row.id)
                if problem:
                    raise ValueError(f'{source}: project "{row.name}": {problem}')
    finally:
        engine.dispose()
    return [row.name for row in rows]


def _copy_database(source: Path, target: Path) -> None:
    with sqlite3.connect(source) as from_, sqlite3.connect(target) as to:
        from_.backup(to)
    to.close()
    from_.close()


def _add(archive: tarfile.TarFile, folder: Path, root: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".tmp":
            continue
        try:
            archive.add(path, path.relative_to(root).as_posix(), recursive=False)
        except FileNotFoundError:  # a checkpoint that a running round has just replaced
            continue
