"""What becomes of each label of an own export: brought in, the same here already, or left out."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.datasets.own_exports import OwnRow
from sslapp.store import label_classes
from sslapp.store.images import names_and_hashes
from sslapp.store.state import load_state
from sslapp.vocabulary import Source


class Conflicts(StrEnum):
    """What becomes of a label here where the file says another class."""

    KEEP = "keep"
    REPLACE = "replace"


NO_IMAGE = "the project has no image of this content"
"""Why a label is left out whose image is not here."""


@dataclass(frozen=True)
class LabelChoice:
    """How labels are brought in.

    Attributes:
        conflicts: whose label stays where project and file differ.
        add_classes: add classes that the project has not; else their labels are left out.
    """

    conflicts: Conflicts = Conflicts.KEEP
    add_classes: bool = False


@dataclass(frozen=True, eq=False)
class LabelsHere:
    """What a project holds of N images: class ids or -1, source codes, masks; forbidden (N, C)."""

    class_ids: dict[str, int]
    labels: NDArray[np.int64]
    source: NDArray[np.uint8]
    forbidden: NDArray[np.bool_]
    none: NDArray[np.bool_]
    holdout: NDArray[np.bool_]
    is_test: NDArray[np.bool_]


@dataclass(eq=False)
class SortedRows:
    """Rows of a table by what becomes of them; each with the position of its image."""

    labels: dict[Source, list[tuple[int, OwnRow]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    none: list[tuple[int, OwnRow]] = field(default_factory=list)
    holdout: list[int] = field(default_factory=list)
    same: int = 0
    new_classes: list[str] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def labels_here(conn: Connection, project_id: int) -> LabelsHere:
    """What the project holds now."""
    state = load_state(conn, project_id)
    ids = np.append(state.class_ids, -1)
    none = np.zeros(len(state.labels), dtype=np.bool_)
    none[state.none_of_these] = True
    return LabelsHere(
        {each.name: each.id for each in label_classes.classes(conn, project_id)},
        ids[state.labels],
        state.source,
        state.forbidden,
        none,
        state.holdout,
        state.is_test,
    )


def places_of(conn: Connection, project_id: int, rows: Sequence[OwnRow]) -> NDArray[np.int64]:
    """(rows,) int64 the image of the project that each row means, -1 for none."""
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


def sort_rows(
    rows: Sequence[OwnRow], positions: NDArray[np.int64], here: LabelsHere, choice: LabelChoice
) -> SortedRows:
    """Say what becomes of every row.

    Args:
        rows: of an export.
        positions: (rows,) of their images; -1 for one that is not here.
        here: what the images hold already.
        choice: how labels are brought in.
    """
    found = SortedRows()
    columns = {each: column for column, each in enumerate(here.class_ids.values())}
    for position, row in zip(positions.tolist(), rows, strict=True):
        if position < 0:
            found.left_out[NO_IMAGE].append(row.name)
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


def _take(found: SortedRows, row: OwnRow, position: int, here: LabelsHere) -> None:
    if row.class_name is None:
        found.none.append((position, row))
        return
    found.labels[row.source].append((position, row))
    if row.class_name not in here.class_ids and row.class_name not in found.new_classes:
        found.new_classes.append(row.class_name)


def _why_not(
    row: OwnRow, position: int, here: LabelsHere, columns: dict[int, int], choice: LabelChoice
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


def _unfit(row: OwnRow, position: int, here: LabelsHere, column: int | None) -> str | None:
    """Why an accepted pseudo-label cannot be one here."""
    if row.source is not Source.ACCEPTED:
        return None
    if column is not None and here.forbidden[position, column]:
        return "a reader rejected this class for it here"
    if here.holdout[position] or here.is_test[position]:
        return "it is of the holdout or test split here, where a pseudo-label measures nothing"
    return None


def _overruled(row: OwnRow, position: int, here: LabelsHere, choice: LabelChoice) -> str | None:
    """Why what was decided here stays."""
    labelled = here.labels[position] >= 0
    settled = labelled and here.source[position] == Source.ADJUDICATED
    if settled and row.source is not Source.ADJUDICATED:
        return "an adjudicator settled another class here"
    if (labelled or here.none[position]) and choice.conflicts is Conflicts.KEEP:
        return "it has another label here, which stays"
    return None
