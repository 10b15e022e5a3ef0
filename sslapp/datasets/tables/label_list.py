"""Reads a list of labels made elsewhere: all of it, or a list of everything wrong with it."""

import csv
import difflib
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sslapp.datasets.tables.cells import unescape_cell

_HEADINGS = {
    "name": ("image", "name", "file"),
    "sha256": ("sha256",),
    "position": ("position",),
    "class": ("class", "label"),
}
"""What a column is for -> its possible headings, the first of them that is there counts."""


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
    content: bytes,
    file_name: str,
    *,
    names: Sequence[str],
    hashes: Sequence[str],
    class_names: Sequence[str],
) -> LabelList:
    """Parse a CSV file with the columns `image,class` or `position,class`, or an export.

    Columns are found by their headings (image, name or file; sha256; position; class or label),
    others are ignored; the separator is a comma, a semicolon or a tab; the text is UTF-8. Cells
    escaped by our own export are understood.

    Which image a line means is said by its name and by the hash of its content, which must agree.
    A position alone decides where the line has neither. Beside a name it must be that of an image
    so called; beside a hash it only tells images of the same content apart, because a list may
    come from another project, where the same image has another position.

    Args:
        content: the file.
        file_name: what the messages call it.
        names: (N,) names of the images; names[i] belongs to position i.
        hashes: (N,) sha256 of their pixels, in hex.
        class_names: the project's classes.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return LabelList([], [f"{file_name} line {line}: not UTF-8 text. Save it as UTF-8."])
    return _Parser(file_name, names, hashes, class_names).parse(text)


class _Wrong(Exception):
    """One thing that is wrong with a line."""


class _Parser:
    def __init__(
        self,
        file_name: str,
        names: Sequence[str],
        hashes: Sequence[str],
        class_names: Sequence[str],
    ) -> None:
        self._file_name = file_name
        self._names = names
        self._class_names = class_names
        self._by_name = _places(names)
        self._by_hash = _places(hashes)
        self._errors: list[str] = []

    def parse(self, text: str) -> LabelList:
        first = text.split("\n", 1)[0]
        separator = max(",;\t", key=first.count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        rows: list[LabelRow] = []
        line = 1
        try:
            columns = self._columns(next(reader, []))
            # a quoted cell may span lines: a row starts behind the line the last one ended on
            line = reader.line_num + 1
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    rows += self._row(line, cells, columns)
                line = reader.line_num + 1
        except csv.Error as error:
            self._note(line, f"not valid CSV ({error}). Correct the line.")
        except _Wrong as error:
            self._note(line, str(error))
        self._refuse_repeats(rows)
        if not rows and not self._errors:
            self._note(line, "there is no label below the headings.")
        return LabelList([] if self._errors else rows, self._errors)

    def _columns(self, headings: list[str]) -> dict[str, int]:
        """What a column is for (a key of _HEADINGS) -> its index."""
        found = [heading.strip().lower() for heading in headings]
        columns = {
            what: found.index(next(each for each in known if each in found))
            for what, known in _HEADINGS.items()
            if any(each in found for each in known)
        }
        classes = sum(heading in _HEADINGS["class"] for heading in found)
        if classes != 1 or len(columns) < 2:
            raise _Wrong(
                f"the headings are {', '.join(headings)[:200] or 'missing'}. The first line must "
                "be image,class or position,class."
            )
        return columns

    def _row(self, line: int, cells: list[str], columns: Mapping[str, int]) -> list[LabelRow]:
        if len(cells) <= max(columns.values()):
            self._note(line, f"only {len(cells)} cell(s). Correct the line.")
            return []
        said = {what: cells[index] for what, index in columns.items()}
        position = class_name = None
        try:
            position = self._image(said)
        except _Wrong as error:
            self._note(line, str(error))
        try:
            class_name = self._class(said["class"])
        except _Wrong as error:
            self._note(line, str(error))
        if position is None or class_name is None:
            return []
        return [LabelRow(line, position, class_name)]

    def _image(self, said: Mapping[str, str]) -> int:
        """The position of the image that a line means."""
        name, content, at = (said.get(what, "") for what in ("name", "sha256", "position"))
        if not name.strip() and not content.strip():
            return self._position(at) if "position" in said else self._named(name)[0]
        found = self._named(name) if name.strip() else None
        if content.strip():
            alike = self._alike(content)
            if found is not None and not set(found) & set(alike):
                raise _Wrong(
                    f'"{name[:80]}" is image {found[0]}, but its sha256 is that of image '
                    f'{alike[0]} ("{self._names[alike[0]][:80]}"). Correct the line, or remove '
                    "the column that is wrong."
                )
            found = alike if found is None else [each for each in found if each in alike]
            if len(found) == 1:
                return found[0]
        assert found is not None
        if at.strip():
            return self._placed(at, found, name)
        if len(found) > 1:
            which = f'are called "{name[:80]}"' if name.strip() else "have this sha256"
            raise _Wrong(f"{len(found)} images {which}. Add a column position or sha256.")
        return found[0]

    def _placed(self, cell: str, found: Sequence[int], name: str) -> int:
        """The position, which must be one of those that the rest of the line allows."""
        position = self._position(cell)
        if position not in found:
            meant = f'called "{name[:80]}"' if name.strip() else "of this sha256"
            raise _Wrong(
                f'position {position} is "{self._names[position][:80]}", but the image {meant} is '
                f"at {found[0]}. Correct the line, or remove the column position."
            )
        return position

    def _position(self, cell: str) -> int:
        text, count = cell.strip(), len(self._names)
        if text.isascii() and text.isdigit() and len(text) < 19 and int(text) < count:
            return int(text)
        raise _Wrong(f'"{text[:80]}" is not a position 0..{count - 1}. Correct the line.')

    def _named(self, cell: str) -> list[int]:
        for name in (cell, unescape_cell(cell), cell.strip()):
            if name in self._by_name:
                return self._by_name[name]
        raise _Wrong(
            f'no image is called "{cell[:80]}"{self._close(cell)}. Correct or remove the line.'
        )

    def _alike(self, cell: str) -> list[int]:
        found = self._by_hash.get(cell.strip().lower())
        if found is None:
            raise _Wrong(
                f'no image has the sha256 "{cell.strip()[:64]}". Correct or remove the line.'
            )
        return found

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
        if len(self._by_name) > 2000 or len(self._errors) > 100:
            return ""
        close = difflib.get_close_matches(cell[:200], list(self._by_name), n=1)
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


def _places(values: Sequence[str]) -> Mapping[str, list[int]]:
    """Each value's positions, ascending."""
    found = defaultdict(list)
    for position, value in enumerate(values):
        found[value].append(position)
    return dict(found)
