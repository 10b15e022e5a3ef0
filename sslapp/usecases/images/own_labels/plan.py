"""What an import of labels would do and what it cannot keep, before it is done."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from sslapp.datasets.own_exports import OwnRow, OwnTable, own_table
from sslapp.store import images, label_classes
from sslapp.store.database import reading
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.images.own_labels.sorting import (
    LabelChoice,
    LabelsHere,
    SortedRows,
    labels_here,
    places_of,
    sort_rows,
)
from sslapp.vocabulary import Split
from sslapp.words import count, size

EXAMPLES = 5
"""Images and classes that a plan names of each kind."""

_BEFORE = (
    "audits and what they proved, the log of earlier decisions (rejections of single classes, "
    "notes, disagreements), rounds, and images without a label: they are not in an export."
)


@dataclass(frozen=True, kw_only=True)
class LabelPlan:
    """What an import of labels does, and what it cannot keep.

    Attributes:
        file, project: the table, and the project that it was exported from.
        pictures: images that come with it; 0 for a table alone.
        here: of them, those that the project has already, under that name or another: neither they
            nor their labels are taken in.
        twice: of the others, those that look like an image of the project.
        tests, groups: among those taken in.
        bytes: of their files.
        labels: source -> labels that are recorded.
        none_of_these: images recorded as of no class.
        holdout: images drawn for the holdout by it.
        same: labels that are so here already.
        readers: who gave the labels first.
        add_classes: classes that are added.
        left_out: reason -> (how many labels, some of their images).
        lost: what does not come along, a sentence each.
    """

    file: str
    project: str
    pictures: int
    labels: dict[str, int]
    none_of_these: int
    holdout: int
    same: int
    readers: list[str]
    add_classes: list[str]
    left_out: dict[str, tuple[int, list[str]]]
    lost: list[str]
    here: int = 0
    twice: int = 0
    tests: int = 0
    groups: int = 0
    bytes: int = 0

    def words(self) -> list[str]:
        """The plan in sentences."""
        given = [f"{number:,} {source}" for source, number in self.labels.items()]
        given += [f"{self.none_of_these:,} none of these"] * bool(self.none_of_these)
        by = f", given by {', '.join(self.readers)}" if self.readers else ""
        said = [f'From "{self.project}": {", ".join(given) or "no new label"}{by}.']
        if self.pictures:
            said.insert(0, self._of_pictures())
        if self.here:
            said.append(
                f"{count(self.here, 'image')} {'is' if self.here == 1 else 'are'} here already and "
                "not taken in again. To bring in labels of those, export a table and import that."
            )
        if self.twice:
            said.append(
                f"{count(self.twice, 'image')} taken in whose pixels are those of an image here."
            )
        if self.holdout:
            said.append(f"{count(self.holdout, 'image')} for the holdout, never trained on.")
        if self.same:
            said.append(f"{count(self.same, 'label')} the same here already.")
        if self.add_classes:
            said.append(f"Classes added: {', '.join(self.add_classes)}.")
        for reason, (number, names) in self.left_out.items():
            more = ", ..." if number > len(names) else ""
            said.append(f"Left out, {number:,}: {reason} ({', '.join(names)}{more}).")
        return said + [f"Not kept: {each}" for each in self.lost]

    def _of_pictures(self) -> str:
        parts = [f"{count(self.pictures - self.here, 'new image')} with their labels"]
        parts += [f"{self.tests:,} of them test"] * bool(self.tests)
        parts += [f"in {count(self.groups, 'group')}"] * bool(self.groups)
        return ", ".join(parts) + (f"; {size(self.bytes)}." if self.bytes else ".")


def plan_import(
    access: Access, project: str | int | None, path: Path, choice: LabelChoice | None = None
) -> LabelPlan | None:
    """What importing an own export would do; None for anything else. Nothing is changed.

    Args:
        path: a table with its manifest beside it, or an exported archive or folder.

    Raises:
        ValueError: when the file was changed since it was exported.
    """
    table = own_table(path)
    return None if table is None else plan_table(access, project, table, choice)


def plan_table(
    access: Access, project: str | int | None, table: OwnTable, choice: LabelChoice | None = None
) -> LabelPlan:
    """What importing an export that was read would do."""
    choice = choice or LabelChoice()
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        if with_pictures(table):
            known = [each.name for each in label_classes.classes(conn, project_id)]
            new, twice = _new_rows(conn, project_id, table)
            taken = replace(table, rows=new)
            plan = _plan_of_new(taken, known or table.class_names, choice)
            rows = len(table.rows)
            return replace(plan, pictures=rows, here=rows - len(new), twice=twice)
        here = labels_here(conn, project_id)
        found = sort_rows(table.rows, places_of(conn, project_id, table.rows), here, choice)
    return plan_of(table, found, here.class_ids, 0)


def plan_new(path: Path, class_names: Sequence[str]) -> LabelPlan | None:
    """The same for a project that is still to be made with these classes, or the export's own.

    None for a table too: there is no image yet that it could be about.
    """
    table = own_table(path)
    if table is None or not with_pictures(table):
        return None
    return _plan_of_new(table, class_names or table.class_names, LabelChoice())


def _plan_of_new(table: OwnTable, names: Sequence[str], choice: LabelChoice) -> LabelPlan:
    """The plan of labels whose images come with them."""
    rows = len(table.rows)
    nowhere = np.zeros(rows, dtype=np.bool_)
    blank = LabelsHere(
        class_ids={name: number for number, name in enumerate(names)},
        labels=np.full(rows, -1, dtype=np.int64),
        source=np.zeros(rows, dtype=np.uint8),
        forbidden=np.zeros((rows, len(names)), dtype=np.bool_),
        none=nowhere,
        holdout=nowhere,
        is_test=np.array([each.split is Split.TEST for each in table.rows], dtype=np.bool_),
    )
    plan = plan_of(table, sort_rows(table.rows, np.arange(rows), blank, choice), names, rows)
    return replace(
        plan,
        tests=int(blank.is_test.sum()),
        groups=len({each.group for each in table.rows} - {None}),
        bytes=sum(table.files[each.file][1] for each in table.rows if each.file in table.files),
    )


def _new_rows(conn: Connection, project_id: int, table: OwnTable) -> tuple[list[OwnRow], int]:
    """The rows whose picture is taken in, and how many of these look like an image that is here."""
    originals: set[str | None] = set()
    pixels: set[str] = set()
    for _, original, sha256 in images.contents(conn, project_id):
        originals.add(original)
        pixels.add(sha256)
    new = [each for each in table.rows if table.files.get(each.file, ("",))[0] not in originals]
    return new, sum(each.sha256 in pixels for each in new)


def with_pictures(table: OwnTable) -> bool:
    """Whether the export holds the images, and not labels alone."""
    return any(each.file for each in table.rows)


def plan_of(table: OwnTable, found: SortedRows, names: Iterable[str], pictures: int) -> LabelPlan:
    """The plan of an export's rows that are sorted.

    Args:
        names: the classes of the project that they come into.
        pictures: images that come with them.
    """
    others = [name for name in names if name not in table.class_names]
    taken = [row for rows in (*found.labels.values(), found.none) for _, row in rows]
    people = Counter(row.reader for row in taken if row.reader)
    return LabelPlan(
        file=table.name,
        project=table.project,
        pictures=pictures,
        labels={each.name.lower(): len(found.labels[each]) for each in sorted(found.labels)},
        none_of_these=len(found.none),
        holdout=len(found.holdout),
        same=found.same,
        readers=[name for name, _ in people.most_common()],
        add_classes=found.new_classes,
        left_out={
            reason: (len(names), names[:EXAMPLES]) for reason, names in found.left_out.items()
        },
        lost=[*_lost(table, taken, others if found.none else [])],
    )


def _lost(table: OwnTable, taken: Sequence[OwnRow], others: Sequence[str]) -> Iterator[str]:
    """What does not come along with the labels.

    Args:
        others: classes that the exported project has not, where images come that no class fits.
    """
    if others:
        yield (
            f"that no class fits an image: nobody asked about {', '.join(others[:EXAMPLES])}. The "
            "other classes are ruled out for it."
        )
    rounds = sorted({(row.round, row.project) for row in taken if row.round is not None})
    if rounds:
        number = sum(row.round is not None for row in taken)
        named = ", ".join(f"round {each} of {of}" for each, of in rounds[:EXAMPLES])
        yield (
            f"the rounds that proposed {count(number, 'label')}: {named}. Number and confidence "
            "stay with each label."
        )
    unsure = sum(row.confidence is not None and row.round is None for row in taken)
    if unsure:
        yield f"which round gave the confidence of {count(unsure, 'label')}."
    if table.lacking:
        yield (
            f"{' and '.join(table.lacking)} of each label: the export is of an earlier version "
            "and does not say it."
        )
    if any(not row.workspace for row in taken):
        yield "of which workspace the labels are: the export does not say it."
    yield _BEFORE
