"""A matrix of classes whose cells lead to the images they count."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from sslapp.charts.confusion import confusion
from sslapp.usecases.projects.classes import ClassRow

CONFIG = {"displayModeBar": False}

MANY = 30
"""Classes above which those that count nothing are left out, so that the rest can be read."""

Cell = tuple[int, int]


def show(
    counts: NDArray[np.int64],
    classes: Sequence[ClassRow],
    *,
    key: str,
    rows: str,
    columns: str,
    alt: str,
) -> None:
    """Draw the matrix; a click on a cell chooses it.

    Args:
        counts: (C, C) int64 by class number.
        classes: C; those that are retired and count nothing are left out.
        key: begins the keys of this matrix in the session.
        rows, columns: titles of the axes.
    """
    numbers = used(counts, classes)
    figure = confusion(
        counts[np.ix_(numbers, numbers)],
        [classes[number].name for number in numbers],
        rows=rows,
        columns=columns,
        ink=_ink(),
    )
    st.plotly_chart(
        figure,
        key=f"{key}-chart",
        config=CONFIG,
        on_select=lambda: _take(key, numbers),
        selection_mode="points",
        alt=alt,
    )


def choose(
    counts: NDArray[np.int64], classes: Sequence[ClassRow], *, key: str, rows: str, columns: str
) -> Cell | None:
    """Draw two menus that name the chosen cell, for who does not click; return the cell."""
    numbers = used(counts, classes)
    sides = st.columns(2)
    picked = [
        side.selectbox(
            title,
            numbers,
            index=None,
            key=f"{key}-{what}",
            format_func=lambda number: classes[number].name,
            placeholder="any class",
        )
        for side, title, what in zip(sides, (rows, columns), ("row", "column"), strict=True)
    ]
    row, column = picked
    return None if row is None or column is None else (row, column)


def used(counts: NDArray[np.int64], classes: Sequence[ClassRow]) -> list[int]:
    """The numbers of the classes that are in use or counted; of many, of those that are counted."""
    counted = counts.sum(axis=0) + counts.sum(axis=1)
    if len(classes) > MANY and counted.any():
        return np.flatnonzero(counted).tolist()
    return [each.number for each in classes if not each.retired or counted[each.number]]


def clicked(points: Sequence[Mapping[str, float]], numbers: Sequence[int]) -> Cell | None:
    """The class numbers of the cell that a chart's selection names; None for none."""
    if not points:
        return None
    return numbers[round(points[0]["y"])], numbers[round(points[0]["x"])]


def _take(key: str, numbers: Sequence[int]) -> None:
    cell = clicked(st.session_state[f"{key}-chart"]["selection"]["points"], numbers)
    if cell is not None:
        st.session_state[f"{key}-row"], st.session_state[f"{key}-column"] = cell


def _ink() -> str:
    """The colour of text on this page, as the theme that the reader chose has it."""
    kind = "dark" if st.context.theme.type == "dark" else "light"
    return str(st.get_option(f"theme.{kind}.textColor"))
