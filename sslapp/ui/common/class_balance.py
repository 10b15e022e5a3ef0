"""Labels per class, and at once the legend of the embedding map: the colours are the same."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from sslapp.charts.class_bars import balance
from sslapp.usecases.projects.classes import ClassRow
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
            balance(classes, per_class, height), config={"staticPlot": True}, alt=_alt(per_class)
        )
    if per_class[:, Source.ACCEPTED].any():
        st.caption("Full colour: decided by readers. Half: accepted pseudo-labels.")


def _alt(per_class: NDArray[np.int64]) -> str:
    totals = per_class[:, 1:].sum(axis=1)
    return f"Labels per class, from {totals.min()} to {totals.max()}"
