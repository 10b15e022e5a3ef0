"""Labels that a browser sends as a table: what they would do, and then brought in at once.

An exported table comes with its manifest and keeps who gave each label; the labels of any other
list are those of the reader who sends it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sslapp.datasets.own_exports import OwnTable, own_table
from sslapp.store.database import reading
from sslapp.store.labels import current_labels
from sslapp.store.projects import classes
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.images.incoming.uploads import MANIFESTS, TABLES, Upload, find_upload, forget
from sslapp.usecases.images.own_labels.plan import LabelPlan, plan_table
from sslapp.usecases.images.own_labels.recording import import_table
from sslapp.usecases.images.own_labels.sorting import LabelChoice
from sslapp.usecases.labelling.decisions import label_many
from sslapp.usecases.labelling.worksheets import rows_of_list
from sslapp.vocabulary import Source
from sslapp.words import count

_EXPORTED = {"sha256", "source", "reader"}
"""Columns that together only an exported table has."""


@dataclass(frozen=True)
class SentTable:
    """A table as a browser sent it.

    Attributes:
        table: the upload's id.
        manifest: that of its manifest; "" for a list from elsewhere.
    """

    table: str
    manifest: str = ""


@dataclass(frozen=True)
class ListPlan:
    """What a list from elsewhere does: a label of the reader for each of its images.

    Attributes:
        file: what it is called.
        new: images that have no label yet.
        same: those that have this one.
        instead: those that have another one, which this takes the place of.
        settled: those whose other label another adjudicator settled, and which stays.
        exported: whether it looks like an exported table that lacks its manifest.
    """

    file: str
    new: int
    same: int
    instead: int
    settled: int
    exported: bool

    def words(self) -> list[str]:
        """The plan in sentences."""
        number = self.new + self.same + self.instead + self.settled
        said = [f"{count(number, 'label')} of yours, {self.new:,} of them for images without one."]
        if self.same:
            said.append(f"{count(self.same, 'label')} the same here already.")
        if self.instead:
            said.append(f"{count(self.instead, 'image')} with another class here would change.")
        if self.settled:
            said.append(f"{count(self.settled, 'image')} would stay as an adjudicator settled.")
        if self.exported:
            said.append(
                "It looks like a table that sslapp exported. Send its manifest too, or who gave "
                "each label is lost."
            )
        return said


def plan_sent(
    access: Access, project_id: int, sent: SentTable, choice: LabelChoice
) -> LabelPlan | ListPlan:
    """What a table would bring. Nothing is changed.

    Args:
        choice: how the labels of an exported one are brought in.

    Raises:
        ValueError: listing every wrong line and its mend, or when an exported table was changed.
        Unknown: when there is no such upload of this reader.
    """
    made, path, own = _read(access, sent)
    if own is not None:
        return plan_table(access, project_id, own, choice)
    with reading(access.engine) as conn:
        find_project(conn, access, project_id)
        rows = rows_of_list(conn, project_id, path, made.name)
        state = load_state(conn, project_id)
        column = {each.name: number for number, each in enumerate(classes(conn, project_id))}
        place = np.array([row.position for row in rows], dtype=np.int64)
        named = np.array([column[row.class_name] for row in rows], dtype=np.int64)
        held = state.labels[place]
        same, other = held == named, (held >= 0) & (held != named)
        final = place[other & (state.source[place] == Source.ADJUDICATED)].tolist()
        given = current_labels(conn, project_id, final).values()
    settled = sum(each.reader_id != access.reader_id for each in given)
    return ListPlan(
        file=made.name,
        new=int((held < 0).sum()),
        same=int(same.sum()),
        instead=int(other.sum()) - settled,
        settled=settled,
        exported=_headings(path) >= _EXPORTED,
    )


def import_sent(access: Access, project_id: int, sent: SentTable, choice: LabelChoice) -> int:
    """Bring in the labels of a table, all or none; return how many, and forget the upload.

    Raises:
        ValueError, Unknown: as for `plan_sent`.
        NotAllowed: when classes are to be added and the reader is no admin.
    """
    made, path, own = _read(access, sent)
    if own is not None:
        plan = import_table(access, project_id, own, choice)
        brought = sum(plan.labels.values()) + plan.none_of_these
    else:
        with reading(access.engine) as conn:
            find_project(conn, access, project_id)
            rows = rows_of_list(conn, project_id, path, made.name)
        pairs = [(row.position, row.class_name) for row in rows]
        brought = label_many(access, project_id, pairs, origin=made.name)
    for each in filter(None, (sent.table, sent.manifest)):
        forget(access.workspace, each)
    return brought


def _read(access: Access, sent: SentTable) -> tuple[Upload, Path, OwnTable | None]:
    """The upload, its file, and what it says where it is an exported table."""
    made, path = find_upload(access, sent.table)
    if made.suffix not in TABLES:
        raise ValueError(f"{made.name} is no table of labels. Send a {' or '.join(TABLES)} file.")
    own = _exported(access, sent.manifest, made, path) if sent.manifest else None
    if own is None and made.suffix != TABLES[0]:
        raise ValueError(
            f"{made.name}: a {made.suffix} table is read with the manifest that sslapp wrote "
            f"beside it. Send that too, or the table as {TABLES[0]}."
        )
    return made, path, own


def _exported(access: Access, manifest: str, made: Upload, path: Path) -> OwnTable:
    beside, file = find_upload(access, manifest)
    own = None
    if beside.suffix in MANIFESTS:
        own = own_table(path, manifest=file, name=made.name)
    if own is None:
        raise ValueError(
            f"{beside.name} is no manifest of a table that sslapp exported. Send the file "
            f"{made.name}.manifest.json that lay beside the table, or none."
        )
    return own


def _headings(path: Path) -> set[str]:
    with path.open("rb") as file:
        first = file.readline(4096).decode("utf-8-sig", errors="replace")
    return {each.strip().strip('"') for each in first.split(",")}
