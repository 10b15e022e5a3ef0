"""What is taken back: the last import of a project, and a project as a whole.

The log keeps every event. Rows that it vouches for go together with the event that says so; files
that no row names any more are for a job to delete, which a kill only delays.
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, cast

import numpy as np
from sqlalchemy import ColumnElement, Connection, Row, RowMapping, func, select

from sslapp.store import rounds
from sslapp.store.database import lock_project
from sslapp.store.errors import Refused
from sslapp.store.images import ImageSetRow, image_count, image_sets, rows_hash, stored_rows
from sslapp.store.integrity import files, seals
from sslapp.store.integrity.files import NamedPaths
from sslapp.store.log.chain import unpack
from sslapp.store.log.events import append
from sslapp.store.log.kinds import Effect, rule_of
from sslapp.store.log.origins import WITH_IMAGES
from sslapp.store.log.withdrawals import withdrawals
from sslapp.store.metadata.values import cut_values
from sslapp.store.projects import find_project, forget_limits, label_count
from sslapp.store.schema import (
    current_label,
    embedding,
    event,
    file,
    holdout,
    image,
    image_set,
    lease,
    membership,
    metadata_column,
    metadata_value,
    project,
    round_,
    snapshot,
    true_label,
    view_set,
)
from sslapp.vocabulary import EventKind

_GONE = "\x7f"
"""Begins the name that a deleted project's row gets, so that its own is free: no name has it."""


@dataclass(frozen=True)
class TakenBack:
    """An import that was withdrawn.

    Attributes:
        import_: its row.
        paths: files that nothing names any more, relative to the workspace.
    """

    import_: ImageSetRow
    paths: tuple[str, ...]


def last_import(conn: Connection, project_id: int) -> ImageSetRow | None:
    """The import that can be withdrawn, if anything stands in no way; None without any."""
    return next(reversed(image_sets(conn, project_id)), None)


def in_the_way(conn: Connection, project_id: int, first: int) -> str:
    """Why the images from position `first` on have to stay, a sentence; "" where they need not.

    An event that was undone names its image still, and may be brought back. Labels that came with
    the images do not keep them, nor does being drawn for the holdout.
    """
    row = _kept_by(conn, project_id, first)
    if row is not None:
        what = row.kind.replace("_", " ")
        return f"event {row.number} ({what}) is about one of its images, and the log keeps events."
    frozen = select(snapshot.c.counts).where(snapshot.c.project_id == project_id)
    if any(counts["images"] > first for counts in conn.execute(frozen).scalars()):
        return "its images are in a snapshot, which a round, an export or a comparison was made of."
    used = {each["id"] for each in _covering(conn, project_id, first)}
    begun = select(round_.c.number, round_.c.embedding_id, round_.c.embeddings_beside)
    for each in conn.execute(begun.where(round_.c.project_id == project_id)):
        if used & {each.embedding_id, *(each.embeddings_beside or ())}:
            return f"round {each.number} was trained on features of its images."
    return ""


def go_along(conn: Connection, project_id: int, first: int) -> tuple[int, int]:
    """How many images from `first` on have a label, and how many are of the holdout."""
    counts = [
        conn.execute(
            select(func.count()).where(table.c.project_id == project_id, table.c.position >= first)
        ).scalar_one()
        for table in (current_label, holdout)
    ]
    return counts[0], counts[1]


def withdraw_import(conn: Connection, project_id: int, reader_id: int) -> TakenBack:
    """Take back the last import: its images with the labels that came with them, true labels,
    metadata and pixels, and embeddings and views that cover them. The next import takes its
    positions anew.

    Args:
        conn: a write transaction.
        project_id: the project.
        reader_id: who withdraws it.

    Raises:
        Refused: when there is none, or something was decided about or made of its images.
    """
    lock_project(conn, project_id)
    last = last_import(conn, project_id)
    if last is None:
        raise Refused("This project has no import that could be withdrawn.")
    if why := in_the_way(conn, project_id, last.first):
        raise Refused(
            f'The import "{last.name}" stays: {why} To be without these images, import the others '
            "into a new project."
        )
    before = files.named_paths(conn, project_id)
    labels, drawn = go_along(conn, project_id, last.first)
    told = {
        "name": last.name,
        "first": last.first,
        "count": last.count,
        "sha256": rows_hash(stored_rows(conn, project_id, last.first, last.count)),
        "labels": labels,
        "holdout": drawn,
        "columns": cut_values(conn, project_id, last.first),
    }
    covering = _covering(conn, project_id, last.first)
    ids = [each["id"] for each in covering]
    conn.execute(view_set.delete().where(view_set.c.embedding_id.in_(ids)))
    conn.execute(embedding.delete().where(embedding.c.id.in_(ids)))
    for table in (lease, true_label, image):
        mine = (table.c.project_id == project_id, table.c.position >= last.first)
        conn.execute(table.delete().where(*mine))
    conn.execute(image_set.delete().where(image_set.c.id == last.id))
    after = files.named_paths(conn, project_id)
    folders = {str(PurePosixPath(each["features"]).parent) for each in covering}
    recorded = [each.path for each in files.recorded(conn, project_id)]
    paths = sorted(_unnamed(before, after, folders, recorded))
    files.forget(conn, paths)
    if last.first == 0:
        forget_limits(conn, project_id, reader_id)
    append(
        conn,
        project_id,
        EventKind.WITHDRAW_IMPORT,
        key=f"withdraw_import:{uuid.uuid4().hex}",
        reader_id=reader_id,
        payload=told,
    )
    return TakenBack(last, tuple(paths))


def last_withdrawal(conn: Connection, project_id: int) -> int:
    """Number of the newest event that withdrew an import; 0 for none.

    What was worked out of images before it may speak of others that had their positions.
    """
    query = select(event.c.number).where(
        event.c.project_id == project_id, event.c.kind == EventKind.WITHDRAW_IMPORT
    )
    return conn.execute(query.order_by(event.c.number.desc()).limit(1)).scalar() or 0


def delete_project(conn: Connection, project_id: int, reader_id: int) -> None:
    """End a project's log, and take out what the log does not hold: images, metadata, embeddings,
    members, and what is known of its files. Its name is free again.

    Events, the labels derived from them, classes, snapshots' and rounds' rows and jobs stay.

    Args:
        conn: a write transaction.
        project_id: the project.
        reader_id: who deletes it.
    """
    lock_project(conn, project_id)
    append(
        conn,
        project_id,
        EventKind.DELETE_PROJECT,
        key="delete_project",
        reader_id=reader_id,
        payload={
            "name": find_project(conn, project_id).name,
            "images": image_count(conn, project_id),
            "labels": label_count(conn, project_id),
            "rounds": rounds.newest_number(conn, project_id),
        },
    )
    free = {"name": f"{_GONE}{project_id}"}
    seals.update(conn, project, [project.c.id == project_id], free)
    columns = select(metadata_column.c.id).where(metadata_column.c.project_id == project_id)
    conn.execute(metadata_value.delete().where(metadata_value.c.column_id.in_(columns)))
    embedded = select(embedding.c.id).where(embedding.c.project_id == project_id)
    conn.execute(view_set.delete().where(view_set.c.embedding_id.in_(embedded)))
    for table in (
        *(metadata_column, embedding, lease, membership, file),
        *(true_label, image, image_set),
    ):
        conn.execute(table.delete().where(table.c.project_id == project_id))


def _kept_by(conn: Connection, project_id: int, first: int) -> Row[Any] | None:
    """An event about one of the images from `first` on for which they have to stay."""
    gone_from = withdrawals(conn, project_id)
    for condition in (event.c.position >= first, event.c.members.is_not(None)):
        for row in _events(conn, project_id, condition):
            members = unpack(row.members)
            named = np.array([row.position]) if members is None else members
            mine = (named >= first) & (named < gone_from.end(row.number))
            if mine.any() and not _goes_along(conn, project_id, row):
                return row
    return None


def _goes_along(conn: Connection, project_id: int, row: Row[Any]) -> bool:
    """Whether an event goes with its images: a label that came in their own import, or a draw for
    the holdout, by which nobody has said anything yet."""
    rule = rule_of(row.kind)
    if not rule.imported:
        return rule.effect is Effect.DRAW
    mine = (event.c.project_id == project_id, event.c.number == row.number)
    payload = conn.execute(select(event.c.payload).where(*mine)).scalar_one()
    return WITH_IMAGES in json.loads(payload).get("imported", {})


def _events(
    conn: Connection, project_id: int, condition: ColumnElement[bool]
) -> Iterator[Row[Any]]:
    columns = select(event.c.number, event.c.kind, event.c.position, event.c.members)
    mine = columns.where(event.c.project_id == project_id, condition)
    newest_first = mine.order_by(event.c.number.desc()).execution_options(yield_per=100)
    yield from cast("Iterator[Row[Any]]", conn.execute(newest_first))


def _covering(conn: Connection, project_id: int, first: int) -> list[RowMapping]:
    """The embeddings that cover images from `first` on."""
    mine = (embedding.c.project_id == project_id, embedding.c.count > first)
    return [*conn.execute(select(embedding).where(*mine)).mappings()]


def _unnamed(
    before: NamedPaths, after: NamedPaths, folders: set[str], recorded: list[str]
) -> Iterator[str]:
    """Files on record that rows named and name no more, and what lies beside features.

    Args:
        folders: of features that are named no more.
        recorded: files on record.
    """
    kept = {str(PurePosixPath(each).parent) for each in after.files}
    gone = (before.folders - after.folders) | (folders - kept)
    named = before.files - after.files
    yield from (named | {each for each in recorded if _is_below(each, gone)}) - after.files


def _is_below(path: str, folders: frozenset[str] | set[str]) -> bool:
    return any(str(each) in folders for each in PurePosixPath(path).parents)
