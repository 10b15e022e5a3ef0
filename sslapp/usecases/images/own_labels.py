"""Labels of an own export, brought in with who gave them, when, where and how.

Each label keeps its source: an expert's stays an expert's, an accepted one accepted. What is drawn
for the holdout stays out of training. What cannot be kept is in a plan, before it is lost.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.datasets.own_exports import OwnRow, OwnTable, own_table
from sslapp.store import projects
from sslapp.store.database import reading, writing
from sslapp.store.images import names_and_hashes
from sslapp.store.log import events
from sslapp.store.log.events import Draft
from sslapp.store.log.kinds import RULES
from sslapp.store.log.origins import MOST, FirstGiven, new_import, told
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, find_project, require
from sslapp.vocabulary import EventKind, Role, Source, Split
from sslapp.words import count

EXAMPLES = 5
"""Images and classes that a plan names of each kind."""

_KINDS = {rule.source: kind for kind, rule in RULES.items() if rule.imported and rule.source}
_BEFORE = (
    "audits and what they proved, the log of earlier decisions (rejections of single classes, "
    "notes, disagreements), rounds, and images without a label: they are not in an export."
)


class Conflicts(StrEnum):
    """What becomes of a label here where the file says another class."""

    KEEP = "keep"
    REPLACE = "replace"


@dataclass(frozen=True)
class LabelChoice:
    """How labels are brought in.

    Attributes:
        conflicts: whose label stays where project and file differ.
        add_classes: add classes that the project has not; else their labels are left out.
    """

    conflicts: Conflicts = Conflicts.KEEP
    add_classes: bool = False


@dataclass(frozen=True, kw_only=True)
class LabelPlan:
    """What an import of labels does, and what it cannot keep.

    Attributes:
        file, project: the table, and the project that it was exported from.
        pictures: images that come with it; 0 for a table alone.
        twice: of them, those that the project has already.
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
    twice: int = 0

    def words(self) -> list[str]:
        """The plan in sentences."""
        given = [f"{number:,} {source}" for source, number in self.labels.items()]
        given += [f"{self.none_of_these:,} none of these"] * bool(self.none_of_these)
        by = f", given by {', '.join(self.readers)}" if self.readers else ""
        said = [f'From "{self.project}": {", ".join(given) or "no new label"}{by}.']
        if self.pictures:
            said.insert(0, f"{count(self.pictures, 'image')} with their labels.")
        if self.twice:
            said.append(
                f"{count(self.twice, 'image')} that the project has already would be there twice. "
                "To label those, export a table and import that."
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


@dataclass(frozen=True, eq=False)
class _Here:
    """What a project holds of N images: class ids or -1, source codes, masks; forbidden (N, C)."""

    class_ids: dict[str, int]
    labels: NDArray[np.int64]
    source: NDArray[np.uint8]
    forbidden: NDArray[np.bool_]
    none: NDArray[np.bool_]
    holdout: NDArray[np.bool_]
    is_test: NDArray[np.bool_]


@dataclass(eq=False)
class _Sorted:
    """Rows of a table by what becomes of them; each with the position of its image."""

    labels: dict[Source, list[tuple[int, OwnRow]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    none: list[tuple[int, OwnRow]] = field(default_factory=list)
    holdout: list[int] = field(default_factory=list)
    same: int = 0
    new_classes: list[str] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


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
    if table is None:
        return None
    choice = choice or LabelChoice()
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        if with_pictures(table):
            known = [each.name for each in projects.classes(conn, project_id)]
            twice = int((_placed(conn, project_id, table.rows) >= 0).sum())
            plan = _plan_of_new(table, known or table.class_names, choice)
            return replace(plan, twice=twice)
        here = _here(conn, project_id)
        found = _sort(table.rows, _placed(conn, project_id, table.rows), here, choice)
    return _plan(table, found, here.class_ids, 0)


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
    blank = _Here(
        class_ids={name: number for number, name in enumerate(names)},
        labels=np.full(rows, -1, dtype=np.int64),
        source=np.zeros(rows, dtype=np.uint8),
        forbidden=np.zeros((rows, len(names)), dtype=np.bool_),
        none=nowhere,
        holdout=nowhere,
        is_test=np.array([each.split is Split.TEST for each in table.rows], dtype=np.bool_),
    )
    return _plan(table, _sort(table.rows, np.arange(rows), blank, choice), names, rows)


def with_pictures(table: OwnTable) -> bool:
    """Whether the export holds the images, and not labels alone."""
    return any(each.file for each in table.rows)


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
    if with_pictures(table):
        raise ValueError(f"{path.name} holds pictures: import it as a set of images.")
    choice = choice or LabelChoice()
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        if choice.add_classes:
            require(conn, access, project_id, Role.ADMIN)
        positions = _placed(conn, project_id, table.rows)
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
    here = _here(conn, project_id)
    found = _sort(table.rows, positions, here, choice)
    plan = _plan(table, found, here.class_ids, pictures)
    if whole and plan.left_out:
        said = "\n".join(each for each in plan.words() if each.startswith("Left out"))
        raise ValueError(
            f"No label was saved.\n{said}\n`sslapp import {table.name} --plan` shows what would "
            "come, and its options choose."
        )
    for name in found.new_classes:
        projects.add_class(conn, project_id, name, reader_id)
    ids = {each.name: each.id for each in projects.classes(conn, project_id)}
    drafts = [*_drafts(table, found, ids, reader_id)]
    if drafts:
        events.append_many(conn, project_id, drafts)
    return plan


def _drafts(
    table: OwnTable, found: _Sorted, ids: dict[str, int], reader_id: int | None
) -> Iterator[Draft]:
    """The events of one import: one a source, one a class for none of these, one for the holdout;
    further ones where an event has more members than it takes.
    """
    keys = (f"{prefix}{number}" for prefix in (new_import(),) for number in range(10**9))
    about: dict[str, Any] = {"file": table.name, "sha256": table.sha256, "snapshot": table.snapshot}
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


def _here(conn: Connection, project_id: int) -> _Here:
    state = load_state(conn, project_id)
    ids = np.append(state.class_ids, -1)
    none = np.zeros(len(state.labels), dtype=np.bool_)
    none[state.none_of_these] = True
    return _Here(
        {each.name: each.id for each in projects.classes(conn, project_id)},
        ids[state.labels],
        state.source,
        state.forbidden,
        none,
        state.holdout,
        state.is_test,
    )


def _placed(conn: Connection, project_id: int, rows: Sequence[OwnRow]) -> NDArray[np.int64]:
    return placed(rows, *names_and_hashes(conn, project_id))


def placed(
    rows: Sequence[OwnRow], names: Sequence[str], hashes: Sequence[str], *, by_name: bool = False
) -> NDArray[np.int64]:
    """(rows,) int64 the image that each row means, -1 for none; no image is meant twice.

    The content decides; among images of the same content the name does.

    Args:
        rows: of an export.
        names, hashes: (N,) of the images.
        by_name: take a name that one image has for it where the content is another.
    """
    both: dict[tuple[str, str], deque[int]] = defaultdict(deque)
    alike: dict[str, deque[int]] = defaultdict(deque)
    called: dict[str, deque[int]] = defaultdict(deque)
    for position, (name, sha256) in enumerate(zip(names, hashes, strict=True)):
        both[name, sha256].append(position)
        alike[sha256].append(position)
        called[name].append(position)
    found = np.full(len(rows), -1, dtype=np.int64)
    taken: set[int] = set()

    def take(row: int, among: deque[int]) -> None:
        while among and found[row] < 0:
            position = among.popleft()
            if position not in taken:
                taken.add(position)
                found[row] = position

    for number, each in enumerate(rows):
        take(number, both[each.name, each.sha256])
    for number, each in enumerate(rows):
        take(number, alike[each.sha256])
    if by_name:
        for number, each in enumerate(rows):
            if len(called[each.name]) == 1:
                take(number, called[each.name])
    return found


def _sort(
    rows: Sequence[OwnRow], positions: NDArray[np.int64], here: _Here, choice: LabelChoice
) -> _Sorted:
    found = _Sorted()
    columns = {each: column for column, each in enumerate(here.class_ids.values())}
    for position, row in zip(positions.tolist(), rows, strict=True):
        if position < 0:
            found.left_out["the project has no image of this content"].append(row.name)
            continue
        if row.holdout and not (here.holdout[position] or here.is_test[position]):
            found.holdout.append(position)
        reason = _why_not(row, position, here, columns, choice)
        if reason is None:
            _take(found, row, position, here)
        elif reason:
            found.left_out[reason].append(row.name)
        else:
            found.same += 1
    return found


def _take(found: _Sorted, row: OwnRow, position: int, here: _Here) -> None:
    if row.class_name is None:
        found.none.append((position, row))
        return
    found.labels[row.source].append((position, row))
    if row.class_name not in here.class_ids and row.class_name not in found.new_classes:
        found.new_classes.append(row.class_name)


def _why_not(
    row: OwnRow, position: int, here: _Here, columns: dict[int, int], choice: LabelChoice
) -> str | None:
    """Why a row is left out; "" where it says what is so here, None where it is taken."""
    labelled = int(here.labels[position])
    if row.class_name is None:
        other = "it has a label here, and the file says none of these" if labelled >= 0 else None
        return "" if here.none[position] else other
    class_id = here.class_ids.get(row.class_name)
    if class_id is None and not choice.add_classes:
        return f'the project has no class "{row.class_name}"'
    if class_id is not None and class_id == labelled:
        return ""
    column = None if class_id is None else columns[class_id]
    return _unfit(row, position, here, column) or _overruled(row, position, here, choice)


def _unfit(row: OwnRow, position: int, here: _Here, column: int | None) -> str | None:
    """Why an accepted pseudo-label cannot be one here."""
    if row.source is not Source.ACCEPTED:
        return None
    if column is not None and here.forbidden[position, column]:
        return "a reader rejected this class for it here"
    if here.holdout[position] or here.is_test[position]:
        return "it is of the holdout or test split here, where a pseudo-label measures nothing"
    return None


def _overruled(row: OwnRow, position: int, here: _Here, choice: LabelChoice) -> str | None:
    """Why what was decided here stays."""
    labelled = here.labels[position] >= 0
    settled = labelled and here.source[position] == Source.ADJUDICATED
    if settled and row.source is not Source.ADJUDICATED:
        return "an adjudicator settled another class here"
    if (labelled or here.none[position]) and choice.conflicts is Conflicts.KEEP:
        return "it has another label here, which stays"
    return None


def _plan(table: OwnTable, found: _Sorted, names: Iterable[str], pictures: int) -> LabelPlan:
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
