"""The confusion matrix: classes of one judge down, of another across, rows shaded by share."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from sslapp.charts import look

CELL = 42
"""Pixels of a cell where there are few classes."""

SMALLEST, TALLEST = 14, 640
NUMBERED = 20
"""Most classes whose cells still have room for a number."""

MANY_LETTERS = 4


def confusion(
    counts: NDArray[np.int64],
    names: Sequence[str],
    *,
    rows: str = "True",
    columns: str = "Predicted",
    ink: str | None = None,
) -> go.Figure:
    """Draw (C, C) counts.

    Over every cell lies a point that can be clicked; it is at x = column and y = row.

    Args:
        counts: (C, C) int64, counts[i, j] images of row class i and column class j.
        names: of the classes, as people typed them.
        rows, columns: titles of the two axes.
        ink: colour of the numbers in the cells, where the page knows one that is easier to read
            than its axes'.
    """
    classes = len(names)
    side = int(np.clip(TALLEST // max(classes, 1), SMALLEST, CELL))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    row, column = (each.ravel() for each in np.indices(counts.shape))
    words = [look.label(name) for name in names]
    cells = go.Heatmap(
        z=share,
        zmin=0,
        zmax=1,
        colorscale=[(0, look.shade(0)), (1, look.shade(1))],
        showscale=False,
        hoverinfo="skip",
        xgap=1,
        ygap=1,
    )
    numbered = classes <= NUMBERED
    points = go.Scatter(
        x=column,
        y=row,
        mode="markers+text" if numbered else "markers",
        text=[f"{each:,}" if each else "" for each in counts.ravel().tolist()],
        textfont={"size": look.FONT if classes <= NUMBERED // 2 else look.SMALL, "color": ink},
        marker={"symbol": "square", "size": side - 3, "color": "rgba(0, 0, 0, 0)"},
        # a chosen cell is named beside the matrix; the others stay readable
        selected={"marker": {"opacity": 1}, "textfont": {"color": ink}},
        unselected={"marker": {"opacity": 1}, "textfont": {"color": ink}},
        hovertext=[
            f"{rows} {words[i]}, {columns.lower()} {words[j]}<br>"
            f"{counts[i, j]:,} of {counts[i].sum():,}"
            for i, j in zip(row.tolist(), column.tolist(), strict=True)
        ],
        hoverinfo="text",
    )
    figure = go.Figure([cells, points])
    ticks = {"tickvals": np.arange(classes), "ticktext": words, "showgrid": False, "ticks": ""}
    steep = max(map(len, words), default=0) > MANY_LETTERS
    look.finish(figure, classes * side + (110 if steep else 62))
    figure.update_xaxes(
        **ticks,
        side="top",
        title={"text": columns, "standoff": 14},
        range=[-0.5, classes - 0.5],
        tickangle=-45 if steep else 0,
        constrain="domain",
        constraintoward="left",
    )
    figure.update_yaxes(
        **ticks,
        title={"text": rows, "standoff": 20},
        range=[classes - 0.5, -0.5],
        scaleanchor="x",
        constrain="domain",
        constraintoward="top",
    )
    return figure.update_layout(hoverdistance=side, clickmode="event+select", dragmode=False)
