"""What a list says of images besides their classes: its other columns, by position."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslapp.datasets.tables.cells import unescape_cell
from sslapp.datasets.tables.table import ListTable


@dataclass(frozen=True, eq=False)
class OtherColumns:
    """Columns of a list.

    Attributes:
        names: (C,) their headings; those without a heading are left out.
        positions: (n,) int64, of the images in the order of their lines.
        text: C lists of n cells; text[c][i] is said of the image positions[i].
    """

    names: list[str]
    positions: NDArray[np.int64]
    text: list[list[str]]


def other_columns(
    table: ListTable, positions: Mapping[int, int], *, without: Iterable[int] = ()
) -> OtherColumns:
    """Read the columns of a list for those of its lines whose image is known.

    Args:
        table: the list.
        positions: number of a line -> position of its image, as in `matching.MatchedLines`.
        without: indices of columns that are used otherwise.

    Raises:
        ListError: when the list cannot be read.
    """
    left_out = set(without)
    columns = [
        index
        for index, heading in enumerate(table.headings)
        if index not in left_out and heading.strip()
    ]
    found: list[int] = []
    text: list[list[str]] = [[] for _ in columns]
    for line, cells in table.lines():
        position = positions.get(line)
        if position is None:
            continue
        found.append(position)
        for column, index in zip(text, columns, strict=True):
            column.append(unescape_cell(cells[index].strip()) if index < len(cells) else "")
    names = [unescape_cell(table.headings[index].strip()) for index in columns]
    return OtherColumns(names, np.array(found, dtype=np.int64), text)
