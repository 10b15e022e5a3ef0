"""What a line of a list of predictions says of every class: a class and how sure it is, or a column
of probability for each class.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sslapp.datasets.tables.class_cells import (
    EMPTY,
    Blank,
    ClassReading,
    ClassTeller,
    WrongClass,
    class_teller,
)
from sslapp.datasets.tables.columns import OPTIONS, Use, find_columns, plain, wrong_headings
from sslapp.datasets.tables.table import ListError, ListTable

Shares = NDArray[np.float32]
"""(C,) a probability for each class of the project, in their order; they sum to one."""

ROUNDED = 0.02
"""How far from one the probabilities of a line may sum up, because they were written rounded."""

_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_BEFORE = re.compile(r"(?:p|prob|proba|probability|score)[\s_:.-]+", re.IGNORECASE)
_WHOLE = 1.0001
"""What float32 makes of 1 and less is 1."""


class ShareTeller(ClassTeller):
    """Tells the class of a line, the likeliest one, and the probability of every class."""

    def shares(self, cells: Sequence[str]) -> Shares:
        """What the line says.

        Raises:
            Blank, WrongClass: as `tell`.
        """
        raise NotImplementedError


def share_teller(
    table: ListTable,
    class_names: Sequence[str],
    reading: ClassReading,
    confidence: str | None,
    *,
    taken: Sequence[int],
) -> ShareTeller:
    """What tells the probabilities of a list.

    Columns for two or more classes come before a class and its confidence, unless one of these two
    was chosen.

    Args:
        table: the list.
        class_names: the project's.
        reading: what a person chose for the classes.
        confidence: the heading of the column that says how sure each class is; None as found.
        taken: indices of columns that are for something else.

    Raises:
        ListError: when no column says how sure a class is, or a choice does not fit the list.
    """
    if reading.finding is not None:
        raise ListError(
            "One finding as yes or no is for labels. Predictions have a class and its confidence, "
            "or a column of probability for each class."
        )
    if reading.column is None and confidence is None:
        named = _columns_of_classes(table, class_names, reading, taken)
        if len(named) > 1:
            return _Probabilities(table.headings, named, class_names)
    chosen = {} if confidence is None else {Use.CONFIDENCE: confidence}
    usual = find_columns(table, [Use.CONFIDENCE, Use.PREDICTION], chosen, OPTIONS)
    at = usual.get(Use.CONFIDENCE)
    if at is None:
        raise wrong_headings(
            table,
            "None of them says how sure a class is: confidence or probability, or a column for "
            "each class, called as it is (--confidence-column, or choose it on the page).",
        )
    if reading.column is None and Use.PREDICTION in usual:  # a class beside it is another's
        reading = replace(reading, column=table.headings[usual[Use.PREDICTION]])
    named_class = class_teller(table, class_names, reading, taken=[*taken, at])
    if named_class is None:
        raise wrong_headings(
            table,
            "None of them is the class: class, prediction, ... (--class-column, or choose it on "
            "the page).",
        )
    return _Confidence(named_class, at, class_names)


def share_in(cell: str) -> float:
    """The number from 0 to 1 that a cell is.

    Raises:
        WrongClass: for anything else: percent, a decimal comma, logits.
    """
    text = cell.strip()
    value = float(text) if _NUMBER.fullmatch(text) else _WHOLE + 1
    if value > _WHOLE:
        raise WrongClass(
            f'"{text[:40]}" is no number from 0 to 1 with a point, such as 0.87 (not percent, not '
            "logits).",
            "confidence",
        )
    return min(value, 1.0)


class _Confidence(ShareTeller):
    """A class, and in another column how sure it is; the others share what is left evenly."""

    def __init__(self, named: ClassTeller, at: int, class_names: Sequence[str]) -> None:
        self.columns = [*named.columns, at]
        self.use = "class and confidence"
        self._named = named
        self._at = at
        self._names = class_names

    def tell(self, cells: Sequence[str]) -> tuple[str, str]:
        said, name = self._named.tell(cells)
        self._sure(cells, name)
        return said, name

    def shares(self, cells: Sequence[str]) -> Shares:
        _, name = self._named.tell(cells)
        sure, others = self._sure(cells, name), len(self._names) - 1
        if sure * (others + 1) <= 1:  # rounded: no more than chance, which says nothing
            return np.full(others + 1, 1 / (others + 1), dtype=np.float32)
        found = np.full(others + 1, (1 - sure) / max(others, 1), dtype=np.float32)
        found[self._names.index(name)] = sure
        return found

    def _sure(self, cells: Sequence[str], name: str) -> float:
        sure = share_in(cells[self._at])
        if sure * len(self._names) < 1 - ROUNDED:
            raise WrongClass(
                f"a confidence of {cells[self._at].strip()} leaves every other class more than "
                f'"{name[:80]}" has. Give a column of probability for each class.',
                "confidence",
            )
        return sure


class _Probabilities(ShareTeller):
    """A column of probability for each class.

    Args:
        headings: of the list.
        named: index of a column -> number of its class.
        class_names: the project's; one without a column has none of the probability.
    """

    def __init__(
        self, headings: Sequence[str], named: Mapping[int, int], class_names: Sequence[str]
    ) -> None:
        self.columns = [*named]
        self.use = "probability of a class"
        self._headings = headings
        self._named = named
        self._names = class_names

    def tell(self, cells: Sequence[str]) -> tuple[str, str]:
        name = self._names[int(self.shares(cells).argmax())]
        return name, name

    def shares(self, cells: Sequence[str]) -> Shares:
        if not any(cells[at].strip() for at in self._named):
            raise Blank(EMPTY)
        found = np.zeros(len(self._names))
        for at, number in self._named.items():
            found[number] = self._share(at, cells[at])
        whole = found.sum()
        if abs(whole - 1) > ROUNDED:
            raise WrongClass(
                f"its probabilities sum up to {whole:.4g}, and those of one class out of "
                f"{len(self._names)} to 1. Correct the line.",
                "confidence",
            )
        return (found / whole).astype(np.float32)

    def _share(self, at: int, cell: str) -> float:
        try:
            return share_in(cell)
        except WrongClass as error:
            raise WrongClass(f"{self._headings[at].strip()}: {error}", error.kind) from None


def _columns_of_classes(
    table: ListTable, class_names: Sequence[str], reading: ClassReading, taken: Sequence[int]
) -> dict[int, int]:
    """Index of a column -> number of the class that it is called like, with `p_` before or not."""
    number = {unicodedata.normalize("NFC", each): at for at, each in enumerate(class_names)}
    found: dict[int, int] = {}
    for at, heading in enumerate(table.headings):
        text = unicodedata.normalize("NFC", heading.strip())
        bare = _BEFORE.sub("", text, count=1)
        for each in (text, bare):
            name = reading.classes_of.get(each, each)
            if at not in taken and name in number:
                found[at] = number[name]
                break
            counts = reading.by_order and name.isdecimal() and int(name) < len(class_names)
            if at not in taken and counts:
                found[at] = int(name)
                break
    twice = [at for at, each in found.items() if [*found.values()].count(each) > 1]
    if twice:
        shown = " and ".join(f'"{table.headings[at]}"' for at in twice[:2])
        raise wrong_headings(table, f"{shown} are the same class. Rename one of them.")
    return found or _alike(table, class_names, taken)


def _alike(table: ListTable, class_names: Sequence[str], taken: Sequence[int]) -> dict[int, int]:
    """The same by names that differ in capitals, spaces, - and _ alone, where these tell apart."""
    number = {plain(each): at for at, each in enumerate(class_names)}
    headings = {at: plain(_BEFORE.sub("", each.strip())) for at, each in enumerate(table.headings)}
    found = {
        at: number[each] for at, each in headings.items() if each in number and at not in taken
    }
    unique = len({*found.values()}) == len(found) and len(number) == len(class_names)
    return found if unique else {}
