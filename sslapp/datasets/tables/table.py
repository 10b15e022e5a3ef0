"""A list as text, whatever file it came from: headings, and rows that are read as a stream."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MOST_LINES = 5_000_000
"""Rows that a list may have."""

MOST_COLUMNS = 16_384
"""Columns that a list may have; a spreadsheet has no more."""

Line = tuple[int, list[str]]
"""The number of a row in its file, from 1, and its cells."""

Source = Path | bytes
"""A file, or its content."""


class ListError(ValueError):
    """A list that cannot be read: names the file, the line and the mend."""


@dataclass(frozen=True, eq=False)
class ListTable:
    """A list.

    Attributes:
        name: what messages call the file.
        kind: what it is: CSV, Excel, Parquet or JSON.
        headings: of its columns.
        heading_line: where they stand; 0 where columns are named elsewhere.
        unit: what its rows are numbered by: lines of text, or rows.
        encoding, separator, sheet: how it was read; "" where that is no question.
        sheets: all that a workbook has.
        left_out: columns that hold no text: pictures, nested values.
    """

    name: str
    kind: str
    headings: list[str]
    heading_line: int
    records: Callable[[], Iterator[Line]]
    unit: str = "line"
    encoding: str = ""
    separator: str = ""
    sheet: str = ""
    sheets: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def lines(self) -> Iterator[Line]:
        """Yield every row below the headings that is not blank, reading the file anew.

        Raises:
            ListError: when a row cannot be read, or there are more than MOST_LINES.
        """
        count = -1  # the headings
        for number, cells in self.records():
            if not any(cell.strip() for cell in cells):
                continue
            count += 1
            if count > MOST_LINES:
                raise ListError(f"{self.name}: more than {MOST_LINES:,} {self.unit}s. Split it.")
            if count:
                yield number, cells

    def words(self) -> str:
        """What was read, and how."""
        separators = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "upright lines"}
        said = [self.kind]
        if self.sheet:
            said.append(f"sheet {self.sheet}")
        if self.encoding:
            said.append(self.encoding)
        if self.separator:
            said.append(f"separated by {separators.get(self.separator, self.separator)}")
        return ", ".join(said)


def table_of(
    name: str,
    kind: str,
    records: Callable[[], Iterator[Line]],
    *,
    unit: str = "line",
    encoding: str = "",
    separator: str = "",
    sheet: str = "",
    sheets: tuple[str, ...] = (),
    left_out: tuple[str, ...] = (),
) -> ListTable:
    """A list whose first record that is not blank holds the headings."""
    first = ((line, cells) for line, cells in records() if any(cell.strip() for cell in cells))
    line, headings = next(first, (1, []))
    if len(headings) > MOST_COLUMNS:
        raise ListError(f"{name}: more than {MOST_COLUMNS:,} columns. Keep those that are needed.")
    return ListTable(
        name,
        kind,
        headings,
        line,
        records,
        unit=unit,
        encoding=encoding,
        separator=separator,
        sheet=sheet,
        sheets=sheets,
        left_out=left_out,
    )


def opened(source: Source) -> BinaryIO:
    """The content of a list, from its beginning."""
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
