"""What the files of a workspace held when they were written.

A row names a file by its path in the workspace, with the sha256 and the length of its content. It
is written in the transaction that makes the file count, so a file that a row of another table
names has one. Originals and the stages of rounds are not listed: their names carry their hash.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, select

from sslapp import durable
from sslapp.store.integrity.canonical import canonical
from sslapp.store.schema import (
    embedding,
    event,
    file,
    image_set,
    job,
    round_,
    snapshot,
    view_set,
)
from sslapp.vocabulary import EventKind, JobKind
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


@dataclass(frozen=True)
class NamedPaths:
    """What a project's rows name, relative to the workspace.

    Attributes:
        files: among them the predictions.
        predictions: of rounds.
        folders: of which every file is meant: encoded views, and frames of rounds.
    """

    files: frozenset[str]
    predictions: frozenset[str]
    folders: frozenset[str]


def named_paths(conn: Connection, project_id: int) -> NamedPaths:
    """What the project's rows name, whether it is there or not."""

    def values(*columns: Column[str]) -> frozenset[str]:
        found: set[str | None] = set()
        for column in columns:
            mine = column.table.c.project_id == project_id
            found |= set(conn.execute(select(column).where(mine)).scalars())
        return frozenset(each for each in found if each is not None)

    mine = select(embedding.c.id).where(embedding.c.project_id == project_id)
    views = conn.execute(select(view_set.c.folder).where(view_set.c.embedding_id.in_(mine)))
    predictions = values(round_.c.probabilities)
    arrays = (
        *(embedding.c.features, embedding.c.projection),
        *(round_.c.answers, round_.c.members),
        *(round_.c.features, round_.c.pca, round_.c.umap),
    )
    return NamedPaths(
        files=predictions | values(image_set.c.pixels, image_set.c.whole, snapshot.c.path, *arrays),
        predictions=predictions,
        folders=values(round_.c.frames) | set(views.scalars()),
    )


def folders_of_jobs(conn: Connection, project_id: int) -> list[tuple[str, JobKind, int | None]]:
    """Of each of the project's jobs: its folder below jobs/, its kind, its round's number."""
    query = (
        select(job.c.folder, job.c.kind, round_.c.number)
        .outerjoin(round_, round_.c.job_id == job.c.id)
        .where(job.c.project_id == project_id)
    )
    return [(folder, JobKind(kind), number) for folder, kind, number in conn.execute(query)]


@dataclass(frozen=True)
class EndedRound:
    """What the log says of the files of a round that has ended.

    Attributes:
        number: the round's.
        probabilities: path of its predictions.
        said: payload of its last event: `probabilities_sha256` and, from 0003 on, `files_sha256`.
    """

    number: int
    probabilities: str
    said: dict[str, Any]


def ended_rounds(conn: Connection, project_id: int) -> list[EndedRound]:
    """The project's rounds that ended with predictions, in the order in which they did."""
    query = (
        select(event.c.payload, round_.c.number, round_.c.probabilities)
        .join(round_, round_.c.id == event.c.round_id)
        .where(event.c.project_id == project_id, event.c.kind == EventKind.ROUND_DONE)
        .order_by(event.c.number)
    )
    return [
        EndedRound(row.number, row.probabilities, json.loads(row.payload))
        for row in conn.execute(query)
    ]


def digest(found: Iterable[Recorded]) -> str:
    """sha256 over the paths and contents of files, whatever their order."""
    listed = sorted([each.path, each.sha256] for each in found)
    return hashlib.sha256(canonical(listed).encode()).hexdigest()
