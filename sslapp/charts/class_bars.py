"""Bars, one a class: how many labels it has."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from sslapp.charts import look
from sslapp.store.label_classes import ClassRow
from sslapp.vocabulary import Source


def balance(classes: Sequence[ClassRow], per_class: NDArray[np.int64], height: int) -> go.Figure:
    """Labels per class: decided by readers in full colour, accepted pseudo-labels in half.

    Args:
        classes: C of them; the first is on top.
        per_class: (C, 4) int64 labels by vocabulary.Source.
        height: in pixels.
    """
    colours = [each.colour for each in classes]
    decided = per_class[:, Source.EXPERT] + per_class[:, Source.ADJUDICATED]
    accepted = per_class[:, Source.ACCEPTED]
    total = decided + accepted
    bars = [_bars(decided, colours, opacity=1.0), _bars(accepted, colours, opacity=0.45)]
    bars[1].update(
        text=[f"{each:,}" for each in total],
        textposition="outside",
        textfont={"size": look.FONT},
        cliponaxis=False,
    )
    figure = look.finish(go.Figure(bars), height, barmode="stack", bargap=0.38)
    figure.update_layout(margin={"b": 8})
    figure.update_xaxes(visible=False, range=[0, max(int(total.max(initial=0)), 1) * 1.12])
    return _class_axis(figure, classes)


def _bars(values: NDArray[np.generic], colours: Sequence[str], *, opacity: float) -> go.Bar:
    outline = {"color": look.OUTLINE, "width": np.where(values > 0, 1, 0)}  # type: ignore[operator]
    return go.Bar(
        x=values,
        y=np.arange(len(values)),
        orientation="h",
        marker={"color": list(colours), "opacity": opacity, "line": outline},
    )


def _class_axis(figure: go.Figure, classes: Sequence[ClassRow]) -> go.Figure:
    return figure.update_yaxes(
        autorange="reversed",
        tickvals=np.arange(len(classes)),
        ticktext=[f"{look.label(each.name)}  " for each in classes],
        showgrid=False,
        tickfont={"size": look.FONT},
    )
