"""What is known of images beside their classes: the columns, and groups of images by one."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.datasets.pictures.files import natural_order
from sslapp.store.database import reading, writing
from sslapp.store.label_classes import PALETTE
from sslapp.store.metadata import columns, undo
from sslapp.store.metadata.columns import MetadataColumn
from sslapp.store.metadata.values import number_in, values_of
from sslapp.usecases.access import Access, find_project, require
from sslapp.vocabulary import MetadataKind, Role
from sslapp.words import count

__all__ = ["PALETTE", "MetadataColumn"]

MOST_GROUPS = len(PALETTE)
"""Different texts of a column by which images are told apart: no more than there are colours."""

FEW_NUMBERS = 8
"""Different numbers that are a group each; more are grouped by their quartiles."""

NO_VALUE = "no value"


@dataclass(frozen=True, eq=False)
class Groups:
    """N images by their values in one column.

    Attributes:
        codes: (N,) int16; 0: without a value.
        names: what each code means, that of 0 first.
        ordered: whether the codes from 1 on rise with a number.
    """

    codes: NDArray[np.int16]
    names: tuple[str, ...]
    ordered: bool


def metadata_columns(access: Access, project: str | int | None) -> list[MetadataColumn]:
    """The project's columns, in the order in which they came."""
    with reading(access.engine) as conn:
        return columns.columns(conn, find_project(conn, access, project))


def show_metadata(access: Access, project: str | int | None, name: str, *, shown: bool) -> bool:
    """Show a column beside images while they are labelled, or hide it; whether it was otherwise.

    Raises:
        NotAllowed: when the reader is no admin of the project.
        Refused: when there is no such column.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        return columns.show_column(conn, project_id, name, access.reader_id, shown=shown)


def remove_metadata(access: Access, project: str | int | None, name: str) -> None:
    """Take a column with all its values out of the project.

    Raises:
        NotAllowed, Refused: as for `show_metadata`.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        columns.remove_column(conn, project_id, name, access.reader_id)


@dataclass(frozen=True)
class LastMetadata:
    """The last import of metadata, which can be taken back.

    Attributes:
        number: of its event.
        file: what it was read from.
        new: columns that go.
        restored: column -> values that become what they were.
    """

    number: int
    file: str
    new: tuple[str, ...]
    restored: dict[str, int]

    def words(self) -> str:
        """What taking it back does, as a sentence."""
        return f"{self.file} is taken back: {self.what()}."

    def what(self) -> str:
        """What that does to the columns."""
        go = "goes" if len(self.new) == 1 else "go"
        parts = [f"{', '.join(self.new)} {go}"] if self.new else []
        parts += [
            f"{name}: {count(number, 'value')} as before" for name, number in self.restored.items()
        ]
        return "; ".join(parts)


def last_metadata(access: Access, project: str | int | None) -> LastMetadata | None:
    """The project's last import of metadata; None where none can be taken back.

    Raises:
        NotAllowed: when the reader is no admin of the project.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        found = undo.last_import(conn, project_id)
    return None if found is None else _told(found)


def undo_metadata(
    access: Access, project: str | int | None, number: int | None = None
) -> LastMetadata:
    """Take the last import of metadata back, and return what it was.

    Args:
        number: of the import's event that is meant; None for whichever is the last.

    Raises:
        NotAllowed: when the reader is no admin of the project.
        Refused: when there is none, or values were changed since.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        return _told(undo.undo_import(conn, project_id, access.reader_id, number))


def _told(found: undo.MetadataImport) -> LastMetadata:
    return LastMetadata(
        number=found.number,
        file=found.file,
        new=tuple(each.name for each in found.new),
        restored={column.name: former.count for column, former in found.changed},
    )


def groupable(found: MetadataColumn) -> bool:
    """Whether images can be told apart by a column at a glance."""
    return found.kind is MetadataKind.NUMBER or found.different <= MOST_GROUPS


def groups_in(conn: Connection, project_id: int, name: str, count: int) -> Groups:
    """The first `count` images of a project by a column; one that was removed has no value."""
    there = columns.columns(conn, project_id)
    found = next((each for each in there if each.name == name), None)
    if found is None:
        return groups_of({}, MetadataKind.TEXT, count)
    return groups_of(values_of(conn, found.id), found.kind, count)


def groups_of(values: Mapping[int, str], kind: MetadataKind, count: int) -> Groups:
    """N images by a column's values: each its own group, or numbers by their quartiles.

    Args:
        values: position -> value.
        kind: what all of them are.
        count: N.
    """
    there = [position for position in values if position < count]
    codes = np.zeros(count, dtype=np.int16)
    said = [values[position] for position in there]
    if kind is MetadataKind.TEXT:
        names = natural_order(set(said))
        place = {name: code for code, name in enumerate(names, 1)}
        codes[there] = [place[each] for each in said]
        return Groups(codes, (NO_VALUE, *names), ordered=False)
    numbers = np.array([number_in(each) for each in said], dtype=np.float64)
    different = np.unique(numbers)
    if len(different) <= FEW_NUMBERS:
        codes[there] = np.searchsorted(different, numbers) + 1
        return Groups(codes, (NO_VALUE, *map(_say, different.tolist())), ordered=True)
    edges = np.unique(np.quantile(numbers, (0.25, 0.5, 0.75)))
    edges = edges[edges < different[-1]]
    codes[there] = np.searchsorted(edges, numbers, side="left") + 1
    ends = [_say(each) for each in edges.tolist()]
    between = [f"over {low} to {high}" for low, high in itertools.pairwise(ends)]
    return Groups(codes, (NO_VALUE, f"up to {ends[0]}", *between, f"over {ends[-1]}"), ordered=True)


def _say(number: float) -> str:
    return f"{number:.6g}"
