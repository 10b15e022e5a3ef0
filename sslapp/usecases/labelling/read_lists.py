"""A list of images and classes as it is read for a project: what every plan of one says of that.

What its rows become (labels, hidden true labels, proposals) is said by who plans it.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.datasets.tables.label_list import LabelList, LinesOfAKind, ListReading, read_labels
from sslapp.datasets.tables.reading import open_table
from sslapp.datasets.tables.table import ListTable
from sslapp.store.images import names_and_hashes
from sslapp.store.label_classes import ClassRow, classes
from sslapp.usecases.images.incoming.patients.identifiers import also_called
from sslapp.words import count
from sslapp.workspace import Workspace

SHOWN = 10
"""Lines, columns and classes that a plan names of each kind."""

_WRONG = {
    "file": "It is not clear yet how to read the list.",
    "empty": "There is nothing to save.",
    "image": "{} without an image here, or with several that may be meant. Correct them, or leave "
    "them out (--only-matched; on the page under More choices).",
    "class": "{} with a class that the project has not.",
    "several": "{} with several findings.",
    "cells": "{} with too few or too many cells.",
    "confidence": "{} whose probability cannot be read.",
    "repeated": "{} about an image that an earlier one is about.",
}


@dataclass(frozen=True, kw_only=True)
class ReadPlan(ABC):
    """How a list was read, and what is wrong with it.

    Attributes:
        file, read: what it is called, and how it was read.
        encoding: of a text, in words; "" where that is no question.
        sheets, headings: of its file: what can be chosen among.
        columns: (use, heading) of the columns that are read.
        unread: headings of the others.
        rules: how many images were found by which rule.
        classes: (what the list says, the project's class, lines), most frequent first.
        left_out: lines that bring nothing, by kind.
        wrong: why nothing would be saved, by kind.
    """

    file: str
    read: str
    encoding: str
    sheets: tuple[str, ...]
    headings: list[str]
    columns: list[tuple[str, str]]
    unread: list[str]
    rules: list[tuple[str, int]]
    classes: list[tuple[str, str, int]]
    left_out: Mapping[str, LinesOfAKind]
    wrong: Mapping[str, LinesOfAKind]

    @property
    def refused(self) -> bool:
        """Whether nothing would be saved."""
        return bool(self.wrong)

    def words(self) -> list[str]:
        """The plan in sentences: what would be saved first, then how it was read."""
        return [*self.outcome(), *self.reading()]

    @abstractmethod
    def outcome(self) -> list[str]:
        """What would be saved, or why nothing."""

    def refusals(self) -> list[str]:
        """Why nothing would be saved: each kind with its first lines."""
        said = []
        for kind, lines in self.wrong.items():
            said.append(_WRONG[kind].format(count(lines.count, "line")))
            said += [f"... {each}" for each in lines.first]
            if lines.count > len(lines.first):
                said.append(f"... and {lines.count - len(lines.first):,} more.")
        return said

    def reading(self) -> list[str]:
        """How the list was read, and what is left out."""
        said = [f"Read as {self.read}."]
        if self.columns:
            by_use: dict[str, list[str]] = {}
            for use, heading in self.columns:
                by_use.setdefault(use, []).append(f'"{heading}"')
            found = "; ".join(f"{use}: {_some(names)}" for use, names in by_use.items())
            said.append(f"Columns: {found}.")
        if self.unread:
            others = [f'"{each}"' for each in self.unread]
            said.append(f"Columns not read: {_some(others)}.")
        if self.rules:
            ways = ", ".join(f"{number:,} by {rule}" for rule, number in self.rules)
            said.append(f"Images found: {ways}.")
        if self.classes:
            shown = [
                f'"{name}" {number:,}' + (f' (written "{told}")' if told != name else "")
                for told, name, number in self.classes
            ]
            said.append(f"Classes: {_some(shown)}.")
        for reason, lines in self.left_out.items():
            shown = [*lines.first[:3], *(["..."] if lines.count > 3 else [])]
            said.append(
                f"Left out, {count(lines.count, 'line')}: the {reason} ({'; '.join(shown)})."
            )
        return said


@dataclass(frozen=True, eq=False)
class ReadList:
    """A list as it was read for a project.

    Attributes:
        table: the list.
        found: what it says.
        classes: the project's.
    """

    table: ListTable
    found: LabelList
    classes: list[ClassRow]

    @property
    def positions(self) -> NDArray[np.int64]:
        """(n,) the images of its rows, each once."""
        return np.array([row.position for row in self.found.rows], dtype=np.int64)

    @property
    def columns(self) -> NDArray[np.int64]:
        """(n,) the classes of its rows, counted in their order from 0."""
        number = {each.name: at for at, each in enumerate(self.classes)}
        return np.array([number[row.class_name] for row in self.found.rows], dtype=np.int64)

    @property
    def class_ids(self) -> NDArray[np.int64]:
        """(n,) ids of the classes of its rows."""
        return np.array([each.id for each in self.classes], dtype=np.int64)[self.columns]

    def told(self) -> dict[str, Any]:
        """What a ReadPlan says of it, field by field."""
        table, found = self.table, self.found
        return {
            "read": table.words(),
            "encoding": table.encoding,
            "sheets": table.sheets,
            "headings": table.headings,
            "columns": found.columns,
            "unread": found.unread,
            "rules": [(str(rule), number) for rule, number in found.rules.most_common()],
            "classes": _most_frequent(found.classes),
            "left_out": found.left_out,
            "wrong": found.wrong,
        }

    def check(self, what: str = "label") -> None:
        """Check that nothing is wrong with it.

        Args:
            what: its rows are to become.

        Raises:
            ValueError: listing what is wrong with which lines, and the mend.
        """
        errors = self.found.errors
        if errors:
            more = len(errors) + self.found.further - SHOWN
            tail = [f"... and {more:,} more."] if more > 0 else []
            raise ValueError("\n".join([f"No {what} was saved.", *errors[:SHOWN], *tail]))


def read_list(  # noqa: PLR0917
    conn: Connection,
    workspace: Workspace,
    project_id: int,
    path: Path,
    name: str,
    reading: ListReading,
) -> ReadList:
    """Read a list for a project.

    Args:
        path: the file.
        name: what messages call it.
        reading: how it is read.

    Raises:
        ValueError: when the file is no list that can be read.
    """
    table = open_table(path, name, sheet=reading.sheet, encoding=reading.encoding)
    names, hashes = names_and_hashes(conn, project_id)
    known = classes(conn, project_id)
    class_names = [each.name for each in known]
    found = read_labels(
        table,
        names=names,
        hashes=hashes,
        class_names=class_names,
        reading=reading,
        also=also_called(conn, workspace, project_id, names),
    )
    return ReadList(table, found, known)


def _most_frequent(found: Counter[tuple[str, str]]) -> list[tuple[str, str, int]]:
    return [(*pair, number) for pair, number in found.most_common()]


def _some(shown: Sequence[str]) -> str:
    """The first of what is listed, and how many more there are."""
    more = len(shown) - SHOWN
    return ", ".join(shown[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")
