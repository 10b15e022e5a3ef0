"""Which image a line of a list means: by its name in many spellings, its content, its position."""

import difflib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sslapp.datasets.tables.cells import unescape_cell
from sslapp.datasets.tables.columns import Use, find_columns, wrong_headings
from sslapp.datasets.tables.table import ListTable

FIRST = 10
"""What goes wrong is shown by its first cases, and counted."""

IMAGE_USES = (Use.IMAGE, Use.SHA256, Use.POSITION)
"""Uses of the columns that say which image a line means."""

_MOST_ALIKE = 1000
"""Images that are compared with a name; that many more are not told apart by it."""


_DRIVE = re.compile(r"[A-Za-z]:(?=[\\/])")
_WHOLE = re.compile(r"^(\d+)\.0$")
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")


class Rule(StrEnum):
    """How the image of a line was found; in words for a plan."""

    NAME = "name"
    PATH = "path written otherwise"
    END = "end of the path"
    FILE = "file name"
    STEM = "name without its ending"
    ZEROS = "name but for leading zeros"
    CASE = "name but for capitals"
    SHA256 = "sha256"
    POSITION = "position"
    IDENTIFIER = "identifier of DICOM"


Also = Callable[[str], list[int]]
"""Gives positions of the images that a text means which is none of their names; [] for none."""


class Unmatched(Exception):
    """Why a line means no image, or not one alone."""


class Several(Unmatched):
    """A line names a patient, study or series of which there are several images."""


class ImageNames:
    """Finds images by the names that people write for them.

    What agrees with more of the path comes first; where that leaves several images, one that
    agrees to the letter comes before one without the ending, without leading zeros, and in other
    capitals.

    Args:
        names: (N,) names of the images; names[i] belongs to position i.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._exact = places(names)
        self._paths: list[tuple[str, ...]] = []  # of all images, once a name is not found as it is
        self._loosely: list[str] = []  # their last parts, as loosely as they are compared
        self._deepest = 0
        self._ends: dict[int, Mapping[str, list[int]]] = {}  # parts of the end -> its images

    def find(self, cell: str) -> tuple[list[int], Rule]:
        """Positions of the images that a name may mean, and by which rule; [] for none."""
        for name in (cell, unescape_cell(cell), cell.strip()):
            if name in self._exact:
                return self._exact[name], Rule.NAME
        if not self._paths:
            self._paths = [_parts(name) for name in self._names]
            self._loosely = [_loosely(parts[-1]) if parts else "" for parts in self._paths]
            self._deepest = max(map(len, self._paths), default=0)
        parts = _parts(unescape_cell(cell.strip()))
        loosely = _loosely(parts[-1]) if parts else ""
        for count in range(min(len(parts), self._deepest), 0, -1):
            alike = self._end(count).get(_end(parts, count, loosely))
            if alike:
                return self._closest(parts, count, alike)
        return [], Rule.NAME

    def close(self, cell: str) -> str:
        """A name that looks alike, or ""; slow for many images."""
        found = difflib.get_close_matches(cell[:200], list(self._exact), n=1)
        return found[0] if found else ""

    def __len__(self) -> int:
        return len(self._exact)

    def _end(self, count: int) -> Mapping[str, list[int]]:
        if count not in self._ends:
            found = defaultdict(list)
            for position, parts in enumerate(self._paths):
                if len(parts) >= count:
                    found[_end(parts, count, self._loosely[position])].append(position)
            self._ends[count] = dict(found)
        return self._ends[count]

    def _closest(
        self, parts: tuple[str, ...], count: int, alike: list[int]
    ) -> tuple[list[int], Rule]:
        if len(alike) > _MOST_ALIKE:
            return alike, Rule.FILE
        ends = [self._paths[each][-count:] for each in alike]
        for rule, same in _SAME:
            wanted = same(parts[-count:])
            found = [each for each, end in zip(alike, ends, strict=True) if same(end) == wanted]
            if found and rule is not Rule.FILE:
                return found, rule
            if found:
                whole = [each for each in found if len(self._paths[each]) == len(parts) == count]
                return whole or found, self._of_path(count, whole)
        return alike, Rule.CASE

    @staticmethod
    def _of_path(count: int, whole: list[int]) -> Rule:
        if whole:
            return Rule.PATH
        return Rule.FILE if count == 1 else Rule.END


def _parts(name: str) -> tuple[str, ...]:
    """The parts of a path of any system, in NFC."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/")
    if _DRIVE.match(name):
        name = name[2:]
    return tuple(each for each in name.split("/") if each not in ("", "."))


def _stem(part: str) -> str:
    stem, _, ending = part.rpartition(".")
    is_ending = len(ending) <= 5 and ending.isascii() and ending.isalnum() and ending[0].isalpha()
    return stem if stem and is_ending else part


def _without_zeros(part: str) -> str:
    """The stem, of which no number has leading zeros; 7.0 is the 7 that a table made a number."""
    stem = _stem(part)
    return _ZEROS.sub("", _WHOLE.sub(r"\1", stem)) if "0" in stem else stem


def _loosely(part: str) -> str:
    return _without_zeros(part).casefold()


_SAME: Sequence[tuple[Rule, Callable[[tuple[str, ...]], tuple[str, ...]]]] = (
    (Rule.FILE, lambda end: end),
    (Rule.STEM, lambda end: (*end[:-1], _stem(end[-1]))),
    (Rule.ZEROS, lambda end: (*end[:-1], _without_zeros(end[-1]))),
    (Rule.CASE, lambda end: tuple(each.casefold() for each in end)),
    (Rule.CASE, lambda end: (*(each.casefold() for each in end[:-1]), _stem(end[-1]).casefold())),
)
"""What makes the ends of two paths equal, the strictest first."""


def _end(parts: tuple[str, ...], count: int, loosely: str) -> str:
    """The last parts of a path, such that names that may mean the same are equal."""
    if count == 1:
        return loosely
    return "/".join([*(each.casefold() for each in parts[-count:-1]), loosely])


def places(values: Sequence[str]) -> Mapping[str, list[int]]:
    """Each value's positions, ascending."""
    found = defaultdict(list)
    for position, value in enumerate(values):
        found[value].append(position)
    return dict(found)


class ImageFinder:
    """Finds the image that a line of a list means.

    Which image it is is said by its name and by the hash of its content, which must agree. A
    position alone decides where the line has neither. Beside a name it must be that of an image
    so called; beside a hash it only tells images of the same content apart, because a list may
    come from another project, where the same image has another position.

    Args:
        names: (N,) names of the images; names[i] belongs to position i.
        hashes: (N,) sha256 of their pixels, in hex.
        also: asked about what no image is called.
    """

    def __init__(
        self, names: Sequence[str], hashes: Sequence[str], also: Also | None = None
    ) -> None:
        self._also = also or (lambda cell: [])
        self._names = names
        self._by_name = ImageNames(names)
        self._hashes = hashes
        self._by_hash: Mapping[str, list[int]] | None = None  # most lists have no hashes
        self._missed = 0

    def find(self, said: Mapping[Use, str]) -> tuple[int, Rule]:
        """The position of the image of a line, and by which rule.

        Args:
            said: cells of the columns of IMAGE_USES.

        Raises:
            Unmatched: in a sentence with its mend.
        """
        name, content, at = (said.get(use, "") for use in IMAGE_USES)
        if not name.strip() and not content.strip():
            if Use.POSITION in said:
                return self._position(at), Rule.POSITION
            return self._named(name)[0][0], Rule.NAME
        found, rule = self._named(name) if name.strip() else (None, Rule.SHA256)
        if content.strip():
            alike = self._alike(content)
            if found is not None and not set(found) & set(alike):
                raise Unmatched(
                    f'"{name[:80]}" is image {found[0]}, but its sha256 is that of image '
                    f'{alike[0]} ("{self._names[alike[0]][:80]}"). Correct the line, or remove '
                    "the column that is wrong."
                )
            found = alike if found is None else [each for each in found if each in alike]
            if len(found) == 1:
                return found[0], rule
        assert found is not None
        if at.strip():
            return self._placed(at, found, name), rule
        if len(found) > 1:
            which = f'are called "{name[:80]}"' if name.strip() else "have this sha256"
            shown = ", ".join(f'"{self._names[each][:80]}"' for each in found[:3])
            others = (
                ""
                if rule is Rule.NAME or not name.strip()
                else f": {shown}{', ...' if len(found) > 3 else ''}"
            )
            if others:
                which = f'may be "{name[:80]}"'
            raise (Several if rule is Rule.IDENTIFIER else Unmatched)(
                f"{len(found)} images {which}{others}. Add a column position or sha256."
            )
        return found[0], rule

    def find_all(self, said: Mapping[Use, str]) -> tuple[list[int], Rule]:
        """As `find`; but a patient, study or series that a line names means all its images.

        Raises:
            Unmatched: as `find`.
        """
        name, content, at = (said.get(use, "").strip() for use in IMAGE_USES)
        if name and not content and not at:
            found, rule = self._named(name)
            if rule is Rule.IDENTIFIER:
                return found, rule
        position, rule = self.find(said)
        return [position], rule

    def _placed(self, cell: str, found: Sequence[int], name: str) -> int:
        """The position, which must be one of those that the rest of the line allows."""
        position = self._position(cell)
        if position not in found:
            meant = f'called "{name[:80]}"' if name.strip() else "of this sha256"
            raise Unmatched(
                f'position {position} is "{self._names[position][:80]}", but the image {meant} is '
                f"at {found[0]}. Correct the line, or remove the column position."
            )
        return position

    def _position(self, cell: str) -> int:
        text, count = cell.strip(), len(self._names)
        if text.isascii() and text.isdigit() and len(text) < 19 and int(text) < count:
            return int(text)
        raise Unmatched(f'"{text[:80]}" is not a position 0..{count - 1}. Correct the line.')

    def _named(self, cell: str) -> tuple[list[int], Rule]:
        found, rule = self._by_name.find(cell)
        if found:
            return found, rule
        if meant := self._also(cell):
            return meant, Rule.IDENTIFIER
        self._missed += 1
        # comparing with every name of a large project for every wrong line would take minutes
        many = len(self._by_name) > 2000 or self._missed > 100
        close = "" if many else self._by_name.close(cell)
        hint = f' (did you mean "{close}"?)' if close else ""
        raise Unmatched(f'no image is called "{cell[:80]}"{hint}. Correct or remove the line.')

    def _alike(self, cell: str) -> list[int]:
        if self._by_hash is None:
            self._by_hash = places(self._hashes)
        found = self._by_hash.get(cell.strip().lower())
        if found is None:
            raise Unmatched(
                f'no image has the sha256 "{cell.strip()[:64]}". Correct or remove the line.'
            )
        return found


@dataclass
class MatchedLines:
    """The images of a list's lines.

    Attributes:
        positions: number of a line -> position of its image; a line without one is not in it.
        rules: how many were found by which rule.
        unmatched: how many lines mean no image, or not one alone.
        why: sentences on the first of them.
        used: indices of the columns that said which image is meant.
    """

    positions: dict[int, int] = field(default_factory=dict)
    rules: Counter[Rule] = field(default_factory=Counter)
    unmatched: int = 0
    why: list[str] = field(default_factory=list)
    used: tuple[int, ...] = ()


def match_lines(
    table: ListTable,
    *,
    names: Sequence[str],
    hashes: Sequence[str],
    chosen: Mapping[Use, str] | None = None,
    also: Also | None = None,
) -> MatchedLines:
    """Find the image of every line, whatever else the list holds.

    An image that an earlier line means too is not matched again.

    Args:
        table: the list.
        names, hashes, also: as for `ImageFinder`.
        chosen: headings that a person said.

    Raises:
        ListError: when no column says which image is meant, or the list cannot be read.
    """
    columns = find_columns(table, IMAGE_USES, chosen)
    if not columns:
        raise wrong_headings(table, "None of them says which image is meant: image or position.")
    finder = ImageFinder(names, hashes, also)
    found = MatchedLines(used=tuple(columns.values()))
    lines: dict[int, int] = {}
    for line, cells in table.lines():
        try:
            position, rule = finder.find(said_of(cells, columns))
            if position in lines:
                raise Unmatched(f"its image is on {table.unit} {lines[position]} too.")
        except Unmatched as error:
            found.unmatched += 1
            if len(found.why) < FIRST:
                found.why.append(f"{table.name} {table.unit} {line}: {error}")
            continue
        lines[position] = line
        found.positions[line] = position
        found.rules[rule] += 1
    return found


def said_of(cells: Sequence[str], columns: Mapping[Use, int]) -> dict[Use, str]:
    """The cells of a line by what they are for; a missing one is ""."""
    return {use: cells[at] if at < len(cells) else "" for use, at in columns.items()}
