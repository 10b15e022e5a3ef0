"""What a line of a list says of the class: one cell, one of several 0/1 columns, one finding."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sslapp.datasets.tables.cells import unescape_cell
from sslapp.datasets.tables.columns import (
    OPTIONS,
    Use,
    find_columns,
    named_column,
    plain,
    wrong_headings,
)
from sslapp.datasets.tables.table import ListError, ListTable

EMPTY, UNCERTAIN = "class is empty", "finding is uncertain"
"""Why a line brings no label."""

_BITS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1, "": None, "-1": -1, "-1.0": -1}
"""What the cells of 0/1 columns mean; -1 is uncertain, as CheXpert writes it."""


@dataclass(frozen=True, kw_only=True)
class ClassReading:
    """How the cells of a list are read as classes.

    Attributes:
        column: the heading of the column with the class.
        classes_of: what is written in the list -> the project's class.
        by_order: the number k is the project's class number k, from 0.
        finding: take this one finding of a list with several as yes or no.
        yes, no: the classes of images with and without it; both may be left to a project of two
            classes of which one is called like the finding.
    """

    column: str | None = None
    classes_of: Mapping[str, str] = field(default_factory=dict)
    by_order: bool = False
    finding: str | None = None
    yes: str | None = None
    no: str | None = None


class Blank(Exception):
    """A line that says nothing of the class: EMPTY or UNCERTAIN."""


class WrongClass(Exception):
    """Why a line gives no class.

    Attributes:
        kind: "class" or "several".
    """

    def __init__(self, message: str, kind: str = "class") -> None:
        super().__init__(message)
        self.kind = kind


class ClassTeller(Protocol):
    """Tells the class of a line.

    Attributes:
        columns: indices of the columns that it reads.
        use: what they are, in a word.
    """

    columns: Sequence[int]
    use: str

    def tell(self, cells: Sequence[str]) -> tuple[str, str]:
        """What the line says, and the project's class.

        Raises:
            Blank, WrongClass: when it says nothing, or no class.
        """


def class_teller(
    table: ListTable, class_names: Sequence[str], reading: ClassReading, *, taken: Sequence[int]
) -> ClassTeller | None:
    """What tells the classes of a list; None where no column is one for classes.

    A column for the class comes before 0/1 columns. These count where two or more are called like
    classes of the project, or where all of them together have one 1 in every row.

    Args:
        table: the list.
        class_names: the project's.
        reading: what a person chose.
        taken: indices of columns that are for something else.

    Raises:
        ListError: when a choice does not fit the list or the project.
    """
    classes = _Classes(class_names, reading)
    if reading.finding is not None:
        return _finding(table, classes, reading, taken)
    chosen = {Use.CLASS: reading.column} if reading.column else {}
    if (at := find_columns(table, [Use.CLASS], chosen, OPTIONS).get(Use.CLASS)) is not None:
        return _OneCell(at, classes)
    hot = _hot_columns(table, classes, taken)
    return _Hot(table, hot, classes) if hot else None


class _Classes:
    """The project's classes (`names`), and what a list calls them.

    Raises:
        ListError: when a class that a person named is not one of the project's.
    """

    def __init__(self, class_names: Sequence[str], reading: ClassReading) -> None:
        self.names = class_names
        self._by_text = {unicodedata.normalize("NFC", each): each for each in class_names}
        self._map = {each.strip(): self.chosen(to) for each, to in reading.classes_of.items()}
        self._by_order = reading.by_order

    def chosen(self, name: str) -> str:
        """A class that a person named."""
        found = self._by_text.get(unicodedata.normalize("NFC", name.strip()))
        if found is None:
            raise ListError(f'"{name[:80]}" is not one of the classes {self.known()}.')
        return found

    def find(self, cell: str) -> str | None:
        """The class that a cell means, if it does."""
        text = cell.strip()
        if text in self._map:
            return self._map[text]
        for each in (cell, unescape_cell(cell), text):
            if (name := self._by_text.get(unicodedata.normalize("NFC", each))) is not None:
                return name
        if self._by_order and text.isascii() and text.isdigit() and len(text) < 10:
            return self.names[int(text)] if int(text) < len(self.names) else None
        return None

    def known(self) -> str:
        """The classes, for a message."""
        return ", ".join(self.names[:20]) + (", ..." if len(self.names) > 20 else "")

    def refusal(self, cell: str) -> WrongClass:
        """Why a cell is no class, and the mend."""
        parts = findings_of(cell)
        if len(parts) > 1 and ("|" in cell or all(self.find(each) for each in parts)):
            return several(parts)
        if not self.names:
            return WrongClass(
                f'class "{cell[:80]}": the project has no class yet. Add it on the Projects page, '
                "or by sslapp class add."
            )
        message = f'class "{cell[:80]}" is not one of {self.known()}. '
        if re.fullmatch(r"\s*\d{1,9}\s*", cell):
            pairs = ",".join(f"{number}={name}" for number, name in enumerate(self.names[:3]))
            return WrongClass(
                f"{message}Say what the numbers mean (--classes-of {pairs}), or that they count "
                "the project's classes in their order from 0 (--classes-of order); on the page "
                "under More choices."
            )
        return WrongClass(f"{message}Add it on the Projects page or correct the line.")


def findings_of(cell: str) -> list[str]:
    """The findings of a cell that may hold several: A|B, A;B or A, B."""
    return [each.strip() for each in re.split(r"[|;,]", unescape_cell(cell)) if each.strip()]


def several(parts: Sequence[str]) -> WrongClass:
    """The refusal of a line with more than one finding."""
    shown = ", ".join(parts[:5]) + (", ..." if len(parts) > 5 else "")
    return WrongClass(
        f"it has {len(parts)} findings ({shown[:200]}), and a project has one finding an image. "
        f'Take one of them as yes or no: --finding "{parts[0][:80]}" --yes CLASS --no CLASS, or '
        "choose it on the page.",
        "several",
    )


class _OneCell:
    """A column with the class."""

    use = "class"

    def __init__(self, at: int, classes: _Classes) -> None:
        self.columns: Sequence[int] = (at,)
        self._at = at
        self._classes = classes

    def tell(self, cells: Sequence[str]) -> tuple[str, str]:
        cell = cells[self._at]
        if not cell.strip():
            raise Blank(EMPTY)
        name = self._classes.find(cell)
        if name is None:
            raise self._classes.refusal(cell)
        return cell.strip(), name


class _Hot:
    """0/1 columns, of which one says the class of a row."""

    use = "one of several 0/1 columns"

    def __init__(self, table: ListTable, columns: Sequence[int], classes: _Classes) -> None:
        self.columns = columns
        self._headings = table.headings
        self._classes = classes

    def tell(self, cells: Sequence[str]) -> tuple[str, str]:
        bits = {at: _bit(cells[at]) for at in self.columns}
        ones = [self._headings[at].strip() for at, bit in bits.items() if bit == 1]
        if len(ones) > 1:
            raise several(ones)
        if not ones:
            raise Blank(UNCERTAIN if -1 in bits.values() else EMPTY)
        name = self._classes.find(ones[0])
        if name is None:
            raise self._classes.refusal(ones[0])
        return ones[0], name


class _Finding:
    """One finding as yes or no: its own 0/1 column, or a cell that holds it among others."""

    def __init__(self, at: int, finding: str, *, own: bool, yes: str, no: str) -> None:
        self.columns: Sequence[int] = (at,)
        self.use = f"has {finding} (0/1)" if own else f"holds {finding} or not"
        self._at = at
        self._finding = finding
        self._own = own
        self._classes = {1: yes, 0: no}

    def tell(self, cells: Sequence[str]) -> tuple[str, str]:
        cell = cells[self._at]
        if not cell.strip():
            raise Blank(EMPTY)
        bit = _bit(cell) if self._own else int(_holds(cell, self._finding))
        if bit == -1:
            raise Blank(UNCERTAIN)
        if bit is None:
            raise WrongClass(f'"{cell[:80]}" is neither 0 nor 1. Correct the line.')
        return f"{'' if bit else 'no '}{self._finding}", self._classes[bit]


def _bit(cell: str) -> int | None:
    return _BITS.get(cell.strip().lower())


def _holds(cell: str, finding: str) -> bool:
    wanted = plain(finding)
    return any(plain(each) == wanted for each in (cell, *findings_of(cell)))


def _finding(
    table: ListTable, classes: _Classes, reading: ClassReading, taken: Sequence[int]
) -> ClassTeller:
    finding = reading.finding or ""
    yes, no = _yes_no(classes, reading, finding)
    own = [at for at, each in enumerate(table.headings) if plain(each) == plain(finding)]
    own = [at for at in own if at not in taken]
    if own and reading.column is None:
        at = named_column(table, finding)
        return _Finding(at, finding, own=True, yes=yes, no=no)
    chosen = {Use.CLASS: reading.column} if reading.column else {}
    found = find_columns(table, [Use.CLASS], chosen, OPTIONS).get(Use.CLASS)
    if found is None:
        raise wrong_headings(table, f'None of them is "{finding}" or holds findings.')
    if not any(_holds(cell, finding) for cell in _column(table, found)):
        raise ListError(
            f'{table.name}: no {table.unit} has the finding "{finding}" in its column '
            f'"{table.headings[found]}". Write it as the list does.'
        )
    return _Finding(found, finding, own=False, yes=yes, no=no)


def _yes_no(classes: _Classes, reading: ClassReading, finding: str) -> tuple[str, str]:
    """The classes of images with and without a finding."""
    if reading.yes is not None and reading.no is not None:
        yes, no = classes.chosen(reading.yes), classes.chosen(reading.no)
        if yes != no:
            return yes, no
    elif reading.yes is None and reading.no is None:
        called = [each for each in classes.names if plain(each) == plain(finding)]
        others = [each for each in classes.names if each not in called]
        if len(called) == len(others) == 1:
            return called[0], others[0]
    raise ListError(
        f'"{finding}": say which class an image with it has and which one without it, two of '
        f"{classes.known()} (--yes CLASS --no CLASS, or choose them on the page)."
    )


def _column(table: ListTable, at: int) -> Iterator[str]:
    return (cells[at] for _, cells in table.lines() if at < len(cells))


def _hot_columns(table: ListTable, classes: _Classes, taken: Sequence[int]) -> list[int]:
    """The 0/1 columns that stand for classes; [] where there are none.

    Raises:
        ListError: when there are several and no row says which of them are classes.
    """
    binary = _binary_columns(table, taken)
    if len(binary) < 2 or _sum_to_one(table, binary):
        return binary if len(binary) > 1 else []
    called = [at for at in binary if classes.find(table.headings[at]) is not None]
    if len(called) > 1:
        return called
    shown = ", ".join(table.headings[at] for at in binary[:5])
    raise wrong_headings(
        table,
        f"{len(binary)} columns hold 0 and 1 ({shown[:200]} ...), not with one 1 a {table.unit}, "
        "and a project has one finding an image. Take one of them as yes or no: --finding "
        f'"{table.headings[binary[0]][:80]}" --yes CLASS --no CLASS, or choose it on the page.',
    )


def _binary_columns(table: ListTable, taken: Sequence[int]) -> list[int]:
    """Columns whose cells are 0, 1, empty or -1, and not all of them empty."""
    binary = [at for at, each in enumerate(table.headings) if at not in taken and each.strip()]
    filled: set[int] = set()
    for _, cells in table.lines():
        there = [at for at in binary if at < len(cells) and cells[at].strip()]
        wrong = {at for at in there if _bit(cells[at]) is None}
        binary = [at for at in binary if at not in wrong] if wrong else binary
        filled.update(there)
        if len(binary) < 2:
            return []
    return [at for at in binary if at in filled]


def _sum_to_one(table: ListTable, columns: Sequence[int]) -> bool:
    """Whether every row has one 1 and else 0 in these columns."""
    for _, cells in table.lines():
        bits = [_bit(cells[at]) if at < len(cells) else None for at in columns]
        if bits.count(1) != 1 or bits.count(0) != len(bits) - 1:
            return False
    return True
