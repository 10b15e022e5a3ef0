"""What the files of a workspace held when they were written.

A row names a file by its path in the workspace, with the sha256 and the length of its content. It
is written in the transaction that makes the file count, so a file that a row of another table
names has one. Originals and the stages of rounds are not listed: their names carry their hash.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from sslapp import durable
from sslapp.store.log.chain import canonical
from sslapp.store.schema import file
from sslapp.workspace import Workspace

_AT_ONCE = 500


@dataclass(frozen=True)
class Recorded:
    """A file as it was written: path relative to the workspace, sha256 in hex, length in bytes."""

    path: str
    sha256: str
    bytes: int


def describe(workspace: Workspace, paths: Iterable[Path]) -> list[Recorded]:
    """Read files and tell what they hold, by path. Large files take their time: no transaction."""
    return [
        Recorded(workspace.relative(path), durable.sha256(path), path.stat().st_size)
        for path in sorted(paths)
    ]


def record(conn: Connection, project_id: int, found: Sequence[Recorded]) -> None:
    """Keep what files hold, in place of what was kept about them before."""
    forget(conn, [each.path for each in found])
    rows = [{"project_id": project_id, **each.__dict__} for each in found]
    if rows:
        conn.execute(file.insert(), rows)


def forget(conn: Connection, paths: Sequence[str]) -> None:
    """Files that are deleted on purpose."""
    for start in range(0, len(paths), _AT_ONCE):
        conn.execute(file.delete().where(file.c.path.in_(paths[start : start + _AT_ONCE])))


def recorded(conn: Connection, project_id: int | None = None) -> list[Recorded]:
    """Every file on record, of one project if named, by path."""
    query = select(file.c.path, file.c.sha256, file.c.bytes).order_by(file.c.path)
    if project_id is not None:
        query = query.where(file.c.project_id == project_id)
    return [Recorded(*row) for row in conn.execute(query)]


def digest(found: Iterable[Recorded]) -> str:
    """sha256 over the paths and contents of files, whatever their order."""
    listed = sorted([each.path, each.sha256] for each in found)
    return hashlib.sha256(canonical(listed).encode()).hexdigest()
