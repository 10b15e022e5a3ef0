"""The labels of an own export as events: one kind a source, with who gave each label first."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.datasets.own_exports import OwnRow, OwnTable, own_table
from sslapp.store import label_classes
from sslapp.store.database import writing
from sslapp.store.log import events
from sslapp.store.log.events import Draft
from sslapp.store.log.kinds import RULES
from sslapp.store.log.origins import MOST, WITH_IMAGES, FirstGiven, new_import, told
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.images.own_labels.plan import LabelPlan, plan_of, with_pictures
from sslapp.usecases.images.own_labels.sorting import (
    NO_IMAGE,
    LabelChoice,
    SortedRows,
    labels_here,
    places_of,
    sort_rows,
)
from sslapp.vocabulary import EventKind, Role

_KINDS = {rule.source: kind for kind, rule in RULES.items() if rule.imported and rule.source}


def import_labels(
    access: Access,
    project: str | int | None,
    path: Path,
    choice: LabelChoice | None = None,
    *,
    whole: bool = False,
) -> LabelPlan:
    """Bring in the labels of an exported table, in one transaction; return what was done.

    Args:
        path: the table, with its manifest beside it.
        whole: refuse a table of which a label would be left out.

    Raises:
        ValueError: when it is no export, was changed, holds pictures, or nothing in it is new.
        NotAllowed: when classes are to be added and the reader is no admin.
    """
    table = own_table(path)
    if table is None:
        raise ValueError(f"{path.name} is no export with its manifest beside it.")
    return import_table(access, project, table, choice, whole=whole)


def import_table(
    access: Access,
    project: str | int | None,
    table: OwnTable,
    choice: LabelChoice | None = None,
    *,
    whole: bool = False,
) -> LabelPlan:
    """The same for a table that was read."""
    if with_pictures(table):
        raise ValueError(f"{table.name} holds pictures: import it as a set of images.")
    choice = choice or LabelChoice()
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        if choice.add_classes:
            require(conn, access, project_id, Role.ADMIN)
        positions = places_of(conn, project_id, table.rows)
        return bring_in(conn, project_id, access.reader_id, table, positions, choice, whole=whole)


def bring_in(  # noqa: PLR0917
    conn: Connection,
    project_id: int,
    reader_id: int | None,
    table: OwnTable,
    positions: NDArray[np.int64],
    choice: LabelChoice,
    *,
    whole: bool = False,
    pictures: int = 0,
) -> LabelPlan:
    """Record labels in an open write transaction; return what was done.

    Args:
        reader_id: who imports.
        positions: (rows,) of their images; -1 for one that is not here.
        whole: as for `import_labels`.
        pictures: images that came with them.
    """
    here = labels_here(conn, project_id)
    found = sort_rows(table.rows, positions, here, choice)
    if pictures and NO_IMAGE in found.left_out:  # it may well be here, from another import
        found.left_out["its image was not taken in"] = found.left_out.pop(NO_IMAGE)
    plan = plan_of(table, found, here.class_ids, pictures)
    if whole and plan.left_out:
        said = "\n".join(each for each in plan.words() if each.startswith("Left out"))
        raise ValueError(
            f"No label was saved.\n{said}\n`sslapp import {table.name} --plan` shows what would "
            "come, and its options choose."
        )
    for name in found.new_classes:
        label_classes.add_class(conn, project_id, name, reader_id)
    ids = {each.name: each.id for each in label_classes.classes(conn, project_id)}
    drafts = [*_drafts(table, found, ids, reader_id, with_images=pictures > 0)]
    if drafts:
        events.append_many(conn, project_id, drafts)
    return plan


def _drafts(
    table: OwnTable,
    found: SortedRows,
    ids: dict[str, int],
    reader_id: int | None,
    *,
    with_images: bool,
) -> Iterator[Draft]:
    """The events of one import: one a source, one a class for none of these, one for the holdout;
    further ones where an event has more members than it takes.
    """
    keys = (f"{prefix}{number}" for prefix in (new_import(),) for number in range(10**9))
    about: dict[str, Any] = {"file": table.name, "sha256": table.sha256, "snapshot": table.snapshot}
    about |= {WITH_IMAGES: True} if with_images else {}
    if found.holdout:
        members = np.array(sorted(found.holdout), dtype=np.int64)
        yield Draft(
            kind=EventKind.DRAW_HOLDOUT,
            key=next(keys),
            reader_id=reader_id,
            members=members,
            payload={"imported": about},
        )
    for source, rows in sorted(found.labels.items()):
        for part in _parts(rows):
            yield Draft(
                kind=_KINDS[source],
                key=next(keys),
                reader_id=reader_id,
                members=_members(part),
                member_classes=np.array(
                    [ids[str(row.class_name)] for _, row in part], dtype=np.int64
                ),
                payload={"imported": about, **told([_first(row) for _, row in part])},
            )
    considered = [ids[name] for name in table.class_names if name in ids]
    for part in _parts(found.none):
        for class_id in considered:
            last = class_id == considered[-1]  # whose event is the one that decides
            given = told([_first(row) for _, row in part]) if last else {}
            yield Draft(
                kind=EventKind.IMPORT_NONE,
                key=next(keys),
                reader_id=reader_id,
                class_id=class_id,
                members=_members(part),
                payload={"imported": about, **given},
            )


def _parts(rows: Sequence[tuple[int, OwnRow]]) -> Iterator[list[tuple[int, OwnRow]]]:
    ordered = sorted(rows, key=lambda pair: pair[0])
    for start in range(0, len(ordered), MOST):
        yield ordered[start : start + MOST]


def _members(rows: Sequence[tuple[int, OwnRow]]) -> NDArray[np.int64]:
    return np.array([position for position, _ in rows], dtype=np.int64)


def _first(row: OwnRow) -> FirstGiven:
    confidence = None if row.confidence is None else round(row.confidence, 7)
    return FirstGiven(
        project=row.project,
        workspace=row.workspace,
        reader=row.reader,
        event=row.event,
        at=row.at,
        round=row.round,
        confidence=confidence,
    )
