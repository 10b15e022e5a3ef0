"""Reads a list of labels made elsewhere: all of it, or a list of everything wrong with it."""

import csv
import difflib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sslapp.datasets.cells import unescape_cell

_IMAGE, _POSITION, _CLASS = ("image", "name", "file"), ("position",), ("class", "label")
_Finder = tuple[int, Callable[[str], int]]  # column, and what turns its cell into a position


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One label.

    Attributes:
        line: where it stands, from 1.
        position: the image.
        class_name: one of the project's classes.
    """

    line: int
    position: int
    class_name: str


@dataclass(frozen=True)
class LabelList:
    """What was read: either rows or errors, never both.

    Attributes:
        rows: in the order of the file.
        errors: a sentence with its line for everything that is wrong.
    """

    rows: list[LabelRow]
    errors: list[str]


def parse_labels(
    content: bytes, file_name: str, *, names: Sequence[str], class_names: Sequence[str]
) -> LabelList:
    """Parse a CSV file with the columns `image,class` or `position,class`.

    Columns are found by their headings (image, name or file; position; class or label), others are
    ignored; the separator is a comma, a semicolon or a tab; the text is UTF-8. Cells escaped by our
    own export are understood.

    Args:
        content: the file.
        file_name: what the messages call it.
        names: (N,) names of the images; names[i] belongs to position i.
        class_names: the project's classes.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return LabelList([], [f"{file_name} line {line}: not UTF-8 text. Save it as UTF-8."])
    return _Parser(file_name, names, class_names).parse(text)


class _Wrong(Exception):
    """One thing that is wrong with a line."""


class _Parser:
    def __init__(self, file_name: str, names: Sequence[str], class_names: Sequence[str]) -> None:
        self._file_name = file_name
        self._count = len(names)
        self._class_names = class_names
        self._positions: dict[str, list[int]] = {}
        for position, name in enumerate(names):
            self._positions.setdefault(name, []).append(position)
        self._errors: list[str] = []

    def parse(self, text: str) -> LabelList:
        first = text.split("\n", 1)[0]
        separator = max(",;\t", key=first.count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        rows: list[LabelRow] = []
        line = 1
        try:
            find, class_ = self._columns(next(reader, []))
            # a quoted cell may span lines: a row starts behind the line the last one ended on
            line = reader.line_num + 1
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    rows += self._row(line, cells, find, class_)
                line = reader.line_num + 1
        except csv.Error as error:
            self._note(line, f"not valid CSV ({error}). Correct the line.")
        except _Wrong as error:
            self._note(line, str(error))
        self._refuse_repeats(rows)
        if not rows and not self._errors:
            self._note(line, "there is no label below the headings.")
        return LabelList([] if self._errors else rows, self._errors)

    def _columns(self, headings: list[str]) -> tuple[_Finder, int]:
        """How to find a line's image, and the index of its class cell."""
        found = [heading.strip().lower() for heading in headings]
        image = [index for index, heading in enumerate(found) if heading in _IMAGE]
        position = [index for index, heading in enumerate(found) if heading in _POSITION]
        class_ = [index for index, heading in enumerate(found) if heading in _CLASS]
        if len(class_) != 1 or not (position or image):
            raise _Wrong(
                f"the headings are {', '.join(headings)[:200] or 'missing'}. The first line must "
                "be image,class or position,class."
            )
        finder = (position[0], self._position) if position else (image[0], self._named)
        return finder, class_[0]

    def _row(self, line: int, cells: list[str], find: _Finder, class_: int) -> list[LabelRow]:
        column, position_of = find
        if len(cells) <= max(column, class_):
            self._note(line, f"only {len(cells)} cell(s). Correct the line.")
            return []
        position = class_name = None
        try:
            position = position_of(cells[column])
        except _Wrong as error:
            self._note(line, str(error))
        try:
            class_name = self._class(cells[class_])
        except _Wrong as error:
            self._note(line, str(error))
        if position is None or class_name is None:
            return []
        return [LabelRow(line, position, class_name)]

    def _position(self, cell: str) -> int:
        text = cell.strip()
        if text.isascii() and text.isdigit() and len(text) < 19 and int(text) < self._count:
            return int(text)
        raise _Wrong(f'"{text[:80]}" is not a position 0..{self._count - 1}. Correct the line.')

    def _named(self, cell: str) -> int:
        for name in (cell, unescape_cell(cell), cell.strip()):
            found = self._positions.get(name, [])
            if len(found) == 1:
                return found[0]
            if found:
                raise _Wrong(
                    f'{len(found)} images are called "{name[:80]}". Use a position column instead.'
                )
        raise _Wrong(
            f'no image is called "{cell[:80]}"{self._close(cell)}. Correct or remove the line.'
        )

    def _class(self, cell: str) -> str:
        for name in (cell, unescape_cell(cell), cell.strip()):
            if name in self._class_names:
                return name
        known = ", ".join(self._class_names[:20]) + (", ..." if len(self._class_names) > 20 else "")
        raise _Wrong(
            f'class "{cell[:80]}" is not one of {known}. '
            "Add it on the Projects page or correct the line."
        )

    def _close(self, cell: str) -> str:
        # comparing with every name of a large project for every wrong line would take minutes
        if len(self._positions) > 2000 or len(self._errors) > 100:
            return ""
        close = difflib.get_close_matches(cell[:200], list(self._positions), n=1)
        return f' (did you mean "{close[0]}"?)' if close else ""

    def _refuse_repeats(self, rows: list[LabelRow]) -> None:
        seen: dict[int, LabelRow] = {}
        for row in rows:
            earlier = seen.setdefault(row.position, row)
            if earlier is not row:
                self._note(
                    row.line, f"its image is on line {earlier.line} too. Remove one of them."
                )

    def _note(self, line: int, message: str) -> None:
        self._errors.append(f"{self._file_name} line {line}: {message}")
