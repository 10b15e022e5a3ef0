"""Lists of labels made elsewhere: what one would bring, in a plan, and then brought in as a whole.

Its labels are those of who brings it. An admin may say that another reader gave them: then they
come as labels of an import, which tells so, and leave what is labelled here as it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from sslapp import durable
from sslapp.datasets.own_exports import OwnRow, OwnTable
from sslapp.datasets.tables.class_cells import ClassReading
from sslapp.datasets.tables.label_list import LabelRow, ListReading
from sslapp.store.database import reading as reading_of
from sslapp.store.database import writing
from sslapp.store.images import image_rows
from sslapp.store.labels import current_labels
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.images.incoming.metadata import bring_metadata, plan_metadata
from sslapp.usecases.images.own_labels.recording import bring_in
from sslapp.usecases.images.own_labels.sorting import LabelChoice
from sslapp.usecases.labelling.decisions import append_labels
from sslapp.usecases.labelling.read_lists import SHOWN, ReadList, ReadPlan, read_list
from sslapp.vocabulary import Role, Source, Split
from sslapp.words import count

__all__ = [
    "ClassReading",
    "ListPlan",
    "ListReading",
    "import_list",
    "plan_list",
    "written_classes",
]

_EXPORTED = {"sha256", "source", "reader"}
"""Columns that together only an exported table has."""

_OWN = ("CSV", "Parquet")
"""Kinds of exported tables that are read back with who gave each label."""


@dataclass(frozen=True, kw_only=True)
class ListPlan(ReadPlan):
    """What a list does: a label for each of its images.

    Attributes:
        new: images that have no label yet.
        same: those that have this one.
        instead: those that have another one, which this takes the place of; or which stays, where
            the labels are another reader's.
        conflicts: the first of them, a sentence each.
        settled: those whose other label another adjudicator settled, and which stays.
        exported: whether it looks like an exported table that lacks its manifest.
        given_by: the other reader whose labels they are; None for those of who asks.
        metadata: what else it brings, a sentence each.
    """

    new: int
    same: int
    instead: int
    conflicts: list[str]
    settled: int
    exported: bool
    given_by: str | None
    metadata: list[str]

    def outcome(self) -> list[str]:
        """What would be saved, or why nothing."""
        if self.wrong:
            return ["No label would be saved.", *self.refusals()]
        whose = "of yours" if self.given_by is None else f"of {self.given_by}"
        number = self.new + self.same + self.instead + self.settled
        said = [f"{count(number, 'label')} {whose}, {self.new:,} of them for images without one."]
        if self.same:
            said.append(f"{count(self.same, 'label')} the same here already.")
        if self.instead:
            becomes = "would change" if self.given_by is None else "would stay as they are"
            said.append(f"{count(self.instead, 'image')} with another class here {becomes}.")
            said += [f"... {each}" for each in self.conflicts]
        if self.settled:
            said.append(f"{count(self.settled, 'image')} would stay as an adjudicator settled.")
        if self.exported:
            said.append(
                "It looks like a table that sslapp exported. Send its manifest too, or who gave "
                "each label is lost."
            )
        return [*said, *(f"Metadata: {each}" for each in self.metadata)]


def plan_list(
    access: Access,
    project: str | int | None,
    path: Path,
    name: str,
    reading: ListReading,
    *,
    given_by: str | None = None,
    metadata: Sequence[str] = (),
) -> ListPlan:
    """What a list would bring. Nothing is changed; what is wrong with it is part of the plan.

    Args:
        path: the file.
        name: what messages call it.
        reading: how it is read.
        given_by: the reader whose labels they are, where it is another than who asks.
        metadata: headings of further columns to keep as metadata.

    Raises:
        ValueError: when the file is no list that can be read, or has no such column.
        NotAllowed: when metadata is to be kept and who asks is no admin.
    """
    given_by = _other(access, given_by)
    beside, kept = list[str](), set[str]()
    if metadata:
        planned = plan_metadata(access, project, path, name, wanted=metadata, how=reading)
        beside, kept = planned.wanted_words(), {each.name for each in planned.taken}
    with reading_of(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = read_list(conn, access.workspace, project_id, path, name, reading)
        table, rows, known = found.table, found.found.rows, found.classes
        state = load_state(conn, project_id)
        place, named = found.positions, found.columns
        held = state.labels[place]
        same, other = held == named, (held >= 0) & (held != named)
        final = place[other & (state.source[place] == Source.ADJUDICATED)].tolist()
        given = current_labels(conn, project_id, final)
        settled = {at for at, each in given.items() if each.reader_id != access.reader_id}
        instead = [rows[at] for at in np.flatnonzero(other) if place[at] not in settled]
        here = image_rows(conn, project_id, [each.position for each in instead[:SHOWN]])
    return ListPlan(
        file=name,
        **{**found.told(), "unread": [each for each in found.found.unread if each not in kept]},
        new=int((held < 0).sum()),
        same=int(same.sum()),
        instead=len(instead),
        conflicts=[
            f'{table.unit} {row.line}: "{image.name}" is '
            f'"{known[int(state.labels[row.position])].name}" here, "{row.class_name}" in the list.'
            for row, image in zip(instead, here, strict=False)
        ],
        settled=len(settled),
        exported=table.kind in _OWN and set(table.headings) >= _EXPORTED,
        given_by=given_by,
        metadata=beside,
    )


def import_list(
    access: Access,
    project: str | int | None,
    path: Path,
    name: str,
    reading: ListReading,
    *,
    given_by: str | None = None,
    metadata: Sequence[str] = (),
) -> int:
    """Record the labels of a list, all or none, and keep metadata with them; return how many.

    Args:
        path, name, reading, given_by, metadata: as for `plan_list`.

    Raises:
        ValueError: listing what is wrong with which lines, and the mend.
        NotAllowed: when they are another reader's, or metadata is to be kept, and who asks is no
            admin.
    """
    given_by = _other(access, given_by)
    with reading_of(access.engine) as conn:
        project_id = find_project(conn, access, project)
        if given_by is not None:
            require(conn, access, project_id, Role.ADMIN)
        found = read_list(conn, access.workspace, project_id, path, name, reading)
    found.check()
    rows = found.found.rows
    with writing(access.engine) as conn:
        if given_by is None:
            pairs = [(row.position, row.class_name) for row in rows]
            number = append_labels(conn, access, project_id, pairs, name)
        else:
            require(conn, access, project_id, Role.ADMIN)
            number = _bring_in(conn, access, project_id, found, given_by, about=(path, name))
        if metadata:
            bring_metadata(*(conn, access, project_id, path, name), wanted=metadata, how=reading)
    return number


def _bring_in(
    conn: Connection,
    access: Access,
    project_id: int,
    found: ReadList,
    given_by: str,
    *,
    about: tuple[Path, str],
) -> int:
    """Record labels as another reader's."""
    path, name = about
    table = OwnTable(
        name=name,
        sha256=durable.sha256(path),
        project="",
        workspace="",
        snapshot="",
        class_names=[each.name for each in found.classes],
        rows=[_row(each, given_by) for each in found.found.rows],
        lacking=[],
    )
    done = bring_in(conn, project_id, access.reader_id, table, found.positions, LabelChoice())
    return sum(done.labels.values())


def written_classes(text: str) -> tuple[dict[str, str], bool]:
    """What "0=normal,1=pneumonia" or "order" says: a map, and whether numbers count the classes.

    Raises:
        ValueError: when a part is neither.
    """
    pairs: dict[str, str] = {}
    by_order = False
    # a comma inside of a class's name is not followed by another pair
    for part in re.split(r",(?=[^,=]*=)", text) if text.strip() else []:
        written, equals, name = part.partition("=")
        if part.strip() == "order":
            by_order = True
        elif equals and written.strip():
            pairs[written.strip()] = name.strip()
        else:
            raise ValueError(f'"{part}" is not WRITTEN=CLASS, nor `order`. Write 0=normal,1=ill.')
    return pairs, by_order


def _other(access: Access, given_by: str | None) -> str | None:
    """The other reader, if it is one."""
    name = (given_by or "").strip()
    return None if name in ("", access.reader) else name


def _row(row: LabelRow, reader: str) -> OwnRow:
    """A label that another reader gave, nobody knows when."""
    return OwnRow(
        name=f"line {row.line}",
        sha256="",
        group=None,
        split=Split.POOL,
        class_name=row.class_name,
        source=Source.EXPERT,
        holdout=False,
        reader=reader,
        event=None,
        at=None,
        round=None,
        confidence=None,
        project="",
        workspace="",
        file="",
    )
