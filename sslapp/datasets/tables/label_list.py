"""Reads a list of labels made elsewhere: all of it, or a list of everything wrong with it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sslapp.datasets.tables.class_cells import (
    Blank,
    ClassReading,
    ClassTeller,
    WrongClass,
    class_teller,
)
from sslapp.datasets.tables.columns import OPTIONS, Use, find_columns, wrong_headings
from sslapp.datasets.tables.matching import (
    FIRST,
    IMAGE_USES,
    Also,
    ImageFinder,
    Rule,
    Several,
    Unmatched,
    said_of,
)
from sslapp.datasets.tables.shares import Shares, ShareTeller, share_teller
from sslapp.datasets.tables.table import ListError, ListTable

_ALL_OF = " Or say that a line labels all of them (--all-of; on the page under More choices)."

MOST_ERRORS = 1000
"""Sentences that are kept; further ones are counted."""


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One label.

    Attributes:
        line: where it stands, from 1.
        position: the image.
        class_name: one of the project's classes.
        shares: of a list of predictions: the probability of every class.
    """

    line: int
    position: int
    class_name: str
    shares: Shares | None = None


@dataclass(frozen=True, kw_only=True)
class ListReading:
    """How a list is read where its headings and cells do not say it all.

    Attributes:
        sheet, encoding: as for `reading.open_table`.
        image_column: the heading of the column that names the image.
        classes: what its cells mean as classes.
        only_matched: leave out lines whose image is not here, in place of refusing the list.
        all_of: a line that names a patient, study or series of DICOM files labels all its images.
        predictions: it says how sure each class is.
        confidence_column: then the heading of the column that does; None as found.
    """

    sheet: str | None = None
    encoding: str | None = None
    image_column: str | None = None
    classes: ClassReading = field(default_factory=ClassReading)
    only_matched: bool = False
    all_of: bool = False
    predictions: bool = False
    confidence_column: str | None = None


@dataclass
class LinesOfAKind:
    """Lines that something happened to: how many, and sentences on the first of them."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.first) < FIRST:
            self.first.append(sentence)


@dataclass
class LabelList:
    """What was read: either rows or errors, never both.

    Attributes:
        rows: in the order of the file.
        errors: a sentence with its line for what is wrong, at most MOST_ERRORS of them.
        wrong: what is wrong, by kind.
        left_out: lines that bring no label, by kind; nothing is wrong with them.
        rules: how many images were found by which rule.
        classes: how many lines say which cell, and the class that it became.
        columns: what was found for what: (use, heading).
        unread: headings of the other columns.
    """

    rows: list[LabelRow] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    wrong: dict[str, LinesOfAKind] = field(default_factory=dict)
    left_out: dict[str, LinesOfAKind] = field(default_factory=dict)
    rules: Counter[Rule] = field(default_factory=Counter)
    classes: Counter[tuple[str, str]] = field(default_factory=Counter)
    columns: list[tuple[str, str]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    @property
    def further(self) -> int:
        """Errors that are counted and not kept."""
        return sum(each.count for each in self.wrong.values()) - len(self.errors)


def read_labels(
    table: ListTable,
    *,
    names: Sequence[str],
    hashes: Sequence[str],
    class_names: Sequence[str],
    reading: ListReading | None = None,
    also: Also | None = None,
) -> LabelList:
    """Read the labels of a list.

    Columns are found by their usual names or as they were chosen, others are not read. Cells
    escaped by our own export are understood. Which image a line means is told by `ImageFinder`,
    which class by `class_cells`. A line without a class is left alone.

    Args:
        table: the list.
        names, hashes: (N,) names of the images and sha256 of their pixels.
        class_names: the project's classes.
        reading: what a person chose.
        also: as for `ImageFinder`.
    """
    finder = ImageFinder(names, hashes, also)
    return _Labels(table, finder, class_names, reading or ListReading()).read()


class _Labels:
    def __init__(
        self,
        table: ListTable,
        finder: ImageFinder,
        class_names: Sequence[str],
        reading: ListReading,
    ) -> None:
        self._table = table
        self._finder = finder
        self._class_names = class_names
        self._reading = reading
        self._found = LabelList()

    def read(self) -> LabelList:
        found = self._found
        try:
            columns, teller = self._columns()
            self._read_rows(columns, teller)
        except ListError as error:
            self._refuse("file", str(error))
        if not found.rows and not found.wrong:
            why = "there is no label below the headings."
            if found.left_out:
                why = "no line brings a label. Fill in the classes."
            self._note("empty", self._table.heading_line or 1, why)
        if found.wrong:
            found.rows = []
        return found

    def _columns(self) -> tuple[dict[Use, int], ClassTeller]:
        chosen = {Use.IMAGE: self._reading.image_column} if self._reading.image_column else {}
        columns = find_columns(self._table, IMAGE_USES, chosen, OPTIONS)
        teller = self._teller([*columns.values()])
        if teller is None or not columns:
            raise wrong_headings(
                self._table,
                "The first line must be image,class or position,class, or other usual names of "
                "these; or say which column is which (--image-column, --class-column, or choose "
                "them on the page).",
            )
        headings = self._table.headings
        self._found.columns = [(use.value, headings[at]) for use, at in columns.items()]
        self._found.columns += [(teller.use, headings[at]) for at in teller.columns]
        used = {*columns.values(), *teller.columns}
        others = [each for at, each in enumerate(headings) if at not in used and each.strip()]
        self._found.unread = [*others, *self._table.left_out]
        return columns, teller

    def _teller(self, taken: Sequence[int]) -> ClassTeller | None:
        about = (self._table, self._class_names, self._reading.classes)
        if self._reading.predictions:
            return share_teller(*about, self._reading.confidence_column, taken=taken)
        return class_teller(*about, taken=taken)

    def _read_rows(self, columns: Mapping[Use, int], teller: ClassTeller) -> None:
        last = max(*columns.values(), *teller.columns)
        repeats: list[tuple[int, int]] = []
        seen: dict[int, int] = {}
        for line, cells in self._table.lines():
            if len(cells) <= last:
                self._note("cells", line, f"only {len(cells)} cell(s). Correct the line.")
                continue
            if any(cell.strip() for cell in cells[len(self._table.headings) :]):
                self._note(
                    "cells",
                    line,
                    f"{len(cells)} cells below {len(self._table.headings)} headings. Put a cell "
                    "that holds the separator in quotes.",
                )
                continue
            rows = self._rows(line, cells, columns, teller)
            self._found.rows += rows
            earlier = min((seen.setdefault(row.position, line) for row in rows), default=line)
            if earlier != line:
                repeats.append((line, earlier))
        for line, earlier in repeats:
            self._note(
                "repeated",
                line,
                f"its image is on {self._table.unit} {earlier} too. Remove one of them.",
            )

    def _rows(
        self, line: int, cells: list[str], columns: Mapping[Use, int], teller: ClassTeller
    ) -> list[LabelRow]:
        """The labels of a line: one, or that of each image that it means."""
        name = None
        positions: list[int] = []
        said = ""
        try:
            said, name = teller.tell(cells)
        except Blank as error:
            self._leave(str(error), line, cells)
            return []
        except WrongClass as error:
            wrong = error
        try:
            positions, rule = self._images(said_of(cells, columns))
            self._found.rules[rule] += len(positions)
        except Unmatched as error:
            mend = _ALL_OF if isinstance(error, Several) else ""
            if self._reading.only_matched:
                self._leave("image is not here", line, cells, f"{error}{mend}")
                return []
            self._note("image", line, f"{error}{mend}")
        if name is None:
            self._note(wrong.kind, line, str(wrong))
            return []
        self._found.classes[said, name] += max(1, len(positions))
        shares = teller.shares(cells) if isinstance(teller, ShareTeller) else None
        return [LabelRow(line, position, name, shares) for position in positions]

    def _images(self, said: Mapping[Use, str]) -> tuple[list[int], Rule]:
        if self._reading.all_of:
            return self._finder.find_all(said)
        position, rule = self._finder.find(said)
        return [position], rule

    def _leave(self, kind: str, line: int, cells: Sequence[str], why: str = "") -> None:
        said = why.removesuffix(" Correct or remove the line.") or ", ".join(cells)[:80]
        said = said.removesuffix(".")
        self._found.left_out.setdefault(kind, LinesOfAKind()).add(
            f"{self._table.unit} {line}: {said}"
        )

    def _note(self, kind: str, line: int, message: str) -> None:
        self._refuse(kind, f"{self._table.name} {self._table.unit} {line}: {message}")

    def _refuse(self, kind: str, sentence: str) -> None:
        self._found.wrong.setdefault(kind, LinesOfAKind()).add(sentence)
        if len(self._found.errors) < MOST_ERRORS:
            self._found.errors.append(sentence)
