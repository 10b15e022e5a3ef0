"""Labels per class, and at once the legend of the embedding map: the colours are the same."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from sslapp.store.projects import ClassRow
from sslapp.ui import plain
from sslapp.ui.embedding_map import OUTLINE
from sslapp.vocabulary import Source

ROOM = 330
"""Pixels that the bars fill together if there are few classes; beyond TALLEST they scroll."""

ROWS = (22, 34)
TALLEST = 380


def show(classes: Sequence[ClassRow], per_class: NDArray[np.int64]) -> None:
    """Draw a bar a class: decided by readers in full colour, accepted pseudo-labels in half."""
    if not classes:
        st.caption("The project has no classes yet.")
        return
    height = int(np.clip(ROOM / len(classes), *ROWS)) * len(classes) + 8
    with st.container(height=TALLEST if height > TALLEST else "content", border=False):
        st.plotly_chart(
            figure(classes, per_class, height), config={"staticPlot": True}, alt=_alt(per_class)
        )
    if per_class[:, Source.ACCEPTED].any():
        st.caption("Full colour: decided by readers. Half: accepted pseudo-labels.")


def figure(classes: Sequence[ClassRow], per_class: NDArray[np.int64], height: int) -> go.Figure:
    """Horizontal bars, first class on top, with the total behind each."""
    colours = [each.colour for each in classes]
    decided = per_class[:, Source.EXPERT] + per_class[:, Source.ADJUDICATED]
    accepted = per_class[:, Source.ACCEPTED]
    total = decided + accepted
    bars = [_bars(decided, colours, opacity=1.0), _bars(accepted, colours, opacity=0.45)]
    bars[1].update(
        text=[f"{each:,}" for each in total],
        textposition="outside",
        textfont={"size": 13},
        cliponaxis=False,
    )
    return go.Figure(bars).update_layout(
        barmode="stack",
        bargap=0.38,
        height=height,
        margin={"l": 0, "r": 0, "t": 0, "b": 8},
        showlegend=False,
        xaxis={"visible": False, "range": [0, max(int(total.max()), 1) * 1.12], "fixedrange": True},
        yaxis={
            "autorange": "reversed",
            "tickvals": np.arange(len(classes)),
            "ticktext": [f"{plain.plotly(each.name)}  " for each in classes],
            "showgrid": False,
            "tickfont": {"size": 13},
            "fixedrange": True,
        },
    )


def _bars(values: NDArray[np.int64], colours: Sequence[str], *, opacity: float) -> go.Bar:
    outline = {"color": OUTLINE, "width": np.where(values > 0, 1, 0)}
    return go.Bar(
        x=values,
        y=np.arange(len(values)),
        orientation="h",
        marker={"color": colours, "opacity": opacity, "line": outline},
    )


def _alt(per_class: NDArray[np.int64]) -> str:
    totals = per_class[:, 1:].sum(axis=1)
    return f"Labels per class, from {totals.min()} to {totals.max()}"
