"""Backup and restore of a whole workspace, as one tar file with a manifest of hashes."""

import hashlib
import json
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

from sslapp import durable
from sslapp.imaging.originals import original_path
from sslapp.jobs import queue
from sslapp.store import identity
from sslapp.store.database import open_database, reading, writing
from sslapp.store.images import originals
from sslapp.store.integrity import files
from sslapp.store.integrity.files import Recorded
from sslapp.store.projects import list_projects
from sslapp.usecases.access import IDENTITY, Access
from sslapp.usecases.maintenance.verification import verify_workspace
from sslapp.vocabulary import JobKind
from sslapp.workspace import DATABASE, Workspace

LEFT_OUT = ("workers", "data", "quarantine")
"""Folders of the workspace that a restored one makes anew or fetches again; and what may show
names, which is to lie in one place alone."""

MANIFEST = "manifest.json"
"""The last member: {"workspace": id, "files": {path: {"sha256": ..., "bytes": ...}}}."""

_FIRST_WITH_MANIFEST = "0003"  # the database's revision; older backups have none
_WORKING = ".backup-"  # begins the names of folders in which a backup is put together


def backup(access: Access, target: Path) -> int:
    """Write database and files to `target` and return its size in bytes.

    Readers may go on meanwhile: the database is copied first, as of one moment, and the files
    it names are only ever added to. Each file's hash is taken of the bytes that go into the backup
    and compared with the one on record.

    Raises:
        ValueError: when the database is not in the workspace, `target` exists, or a file is
            damaged or missing.
    """
    if access.workspace.database_url:
        raise ValueError(
            "The database lies outside the workspace: back it up with its own tool (pg_dump), "
            "then copy the workspace folder."
        )
    if target.exists():
        raise ValueError(f"{target} exists already. Name a file that does not.")
    root = access.workspace.root
    with tempfile.TemporaryDirectory(dir=root, prefix=_WORKING) as folder:
        copy = Path(folder) / DATABASE
        _copy_database(root / DATABASE, copy)
        own, on_record, named = _vouched(copy, access.workspace)

        def fill(file: BinaryIO) -> None:
            with tarfile.open(fileobj=file, mode="w") as archive:
                members: dict[str, Recorded] = {}
                members[DATABASE] = _add(archive, copy, DATABASE, members)
                for path in _members(root):
                    name = path.relative_to(root).as_posix()
                    try:
                        members[name] = _add(archive, path, name, members)
                    except FileNotFoundError:  # a checkpoint that a round has just superseded
                        continue
                _check_vouched(members, on_record)
                _check_originals(members, named)
                _add_manifest(archive, own, members)

        durable.write(target, fill)
    return target.stat().st_size


def restore(source: Path, workspace: Workspace) -> list[str]:
    """Unpack a backup into an empty workspace, verify it, and return the projects' names.

    The restored workspace gets an id of its own, so that pages that were opened before decide
    nothing in it. Imports and exports that were under way are cancelled: they name files of the
    machine that the backup was made on.

    Raises:
        ValueError: when the workspace is not empty, or the backup is damaged, lacks a file or
            holds one too many.
    """
    root = workspace.root
    root.mkdir(parents=True, exist_ok=True)
    with durable.folder_lock(root):
        if any(root.iterdir()):
            raise ValueError(f"{root} is not empty. Restore into a new folder.")
        try:
            with tempfile.TemporaryDirectory(dir=root.parent) as folder:
                unpacked = Path(folder) / "workspace"
                _unpack(source, unpacked)
                names = _verified(unpacked, source)
                _settle(unpacked)
                root.rmdir()
                unpacked.replace(root)
        except BaseException:
            if root.is_dir() and not any(root.iterdir()):
                root.rmdir()
            raise
    durable.sync_folder(root.parent)
    return names


# -- writing ---------------------------------------------------------------------------------------


def _copy_database(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as from_, closing(sqlite3.connect(target)) as to:
        from_.backup(to)


def _vouched(copy: Path, workspace: Workspace) -> tuple[str, list[Recorded], dict[str, str]]:
    """Of the copied database: the workspace's id, the files on record, and path -> sha256 of the
    originals that images have."""
    engine = open_database(Workspace(workspace=copy.parent, database_url="").url)
    try:
        with reading(engine) as conn:
            named = {
                workspace.relative(original_path(folder, sha256)): sha256
                for row in list_projects(conn)
                for folder in [workspace.project(row.id) / "originals"]
                for sha256 in originals(conn, row.id)
            }
            return identity.workspace_id(conn), files.recorded(conn), named
    finally:
        engine.dispose()


def _members(root: Path) -> Iterator[Path]:
    """The files that go into a backup beside the database; no file of the top but the id's."""
    yield root / IDENTITY
    for path in sorted(root.rglob("*")):
        top, *below = path.relative_to(root).parts
        apart = top in LEFT_OUT or top.startswith(_WORKING)
        if below and not apart and path.suffix != ".tmp" and path.is_file():
            yield path


def _add(
    archive: tarfile.TarFile, path: Path, name: str, members: Mapping[str, Recorded]
) -> Recorded:
    """Add a file and tell what was added; a log may grow meanwhile.

    Of a file that siblings share the archive holds one copy, and the other names.
    """
    info = archive.gettarinfo(path, name)
    if info.islnk():
        if info.linkname in members:
            archive.addfile(info)
            first = members[info.linkname]
            return Recorded(name, first.sha256, first.bytes)
        info.type, info.size = tarfile.REGTYPE, path.stat().st_size
    with open(path, "rb") as file:
        content = _Hashing(file)
        archive.addfile(info, content)
    return Recorded(name, content.digest.hexdigest(), info.size)


class _Hashing:
    """A file that is hashed as it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """As of a file."""
        found = self._file.read(size)
        self.digest.update(found)
        return found


def _check_vouched(members: Mapping[str, Recorded], on_record: list[Recorded]) -> None:
    for each in on_record:
        found = members.get(each.path)
        if found != each:
            raise _not_backed_up(each.path, found, "is not what was written")


def _check_originals(members: Mapping[str, Recorded], named: Mapping[str, str]) -> None:
    for path, sha256 in named.items():
        found = members.get(path)
        if found is None or found.sha256 != sha256:
            raise _not_backed_up(path, found, "is not the original that was imported")


def _not_backed_up(path: str, found: Recorded | None, otherwise: str) -> ValueError:
    what = "is missing" if found is None else otherwise
    return ValueError(
        f"{path} {what}, so no backup was made. `sslapp verify` says what can be done; if it was "
        "deleted on purpose just now, make the backup again."
    )


def _add_manifest(
    archive: tarfile.TarFile, workspace_id: str, members: Mapping[str, Recorded]
) -> None:
    listed = {each.path: {"sha256": each.sha256, "bytes": each.bytes} for each in members.values()}
    content = json.dumps({"workspace": workspace_id, "files": listed}, indent=1).encode()
    info = tarfile.TarInfo(MANIFEST)
    info.size = len(content)
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        archive.addfile(info, file)


# -- reading ---------------------------------------------------------------------------------------


def _unpack(source: Path, folder: Path) -> None:
    try:
        with tarfile.open(source) as archive:
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ValueError(f"{source} is not a readable backup: {error}.") from None
    if not (folder / DATABASE).is_file():
        raise ValueError(f"{source} holds no {DATABASE}; it is not a backup of a workspace.")
    manifest = folder / MANIFEST
    if manifest.is_file():
        wrong = _differences(folder, _read_manifest(manifest, source))
        if wrong:
            more = f" and {len(wrong) - 10} more" if len(wrong) > 10 else ""
            raise ValueError(f"{source} is damaged: {'; '.join(wrong[:10])}{more}.")
        manifest.unlink()
    elif _revision(folder / DATABASE) >= _FIRST_WITH_MANIFEST:
        raise ValueError(f"{source} is damaged: its {MANIFEST} is missing.")


def _read_manifest(manifest: Path, source: Path) -> dict[str, Any]:
    try:
        found = json.loads(manifest.read_bytes())["files"]
        return {str(name): (each["sha256"], each["bytes"]) for name, each in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{source} is damaged: its {MANIFEST} cannot be read.") from None


def _differences(folder: Path, listed: Mapping[str, tuple[str, int]]) -> list[str]:
    there = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }
    del there[MANIFEST]
    wrong = [f"{name} is missing" for name in sorted(listed.keys() - there.keys())]
    wrong += [f"{name} is no part of it" for name in sorted(there.keys() - listed.keys())]
    for name in sorted(listed.keys() & there.keys()):
        path = there[name]
        if (durable.sha256(path), path.stat().st_size) != listed[name]:
            wrong.append(f"{name} was changed")
    return wrong


def _revision(database: Path) -> str:
    """The revision of a database that may be damaged; "" where it cannot be read."""
    try:
        with closing(sqlite3.connect(database)) as conn:
            return str(conn.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    except (sqlite3.Error, TypeError):
        return ""


def _verified(folder: Path, source: Path) -> list[str]:
    found = verify_workspace(Workspace(workspace=folder, database_url=""))
    if not found.ok:
        raise ValueError(f"{source}: {found.every_problem[0]}")
    return list(found.projects)


def _settle(folder: Path) -> None:
    """Give the restored workspace its own id, and end what names files of another machine."""
    engine = open_database(Workspace(workspace=folder, database_url="").url)
    try:
        with writing(engine) as conn:
            own = identity.renew(conn)
            why = "It was under way when the backup was made. Start it again here."
            queue.end_all(conn, (JobKind.LOOK, JobKind.IMPORT, JobKind.EXPORT), why)
    finally:
        engine.dispose()
    durable.write_bytes(folder / IDENTITY, f"{own}\n".encode())
