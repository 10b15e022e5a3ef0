"""How a network's view of the same images changed as it trained, as a film."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from sslapp.charts import look

HEIGHT = 460
MOVE, STAY = 500, 350
"""Milliseconds of a move between two frames, and of the rest after it."""


def trajectory(
    xy: NDArray[np.float32],
    steps: Sequence[int],
    colours: Sequence[str],
    *,
    legend: Sequence[tuple[str, str]] = (),
    height: int = HEIGHT,
) -> go.Figure:
    """Draw the last of F frames, with a button that plays all of them and a slider.

    Args:
        xy: (F, n, 2) float32, one pair of axes for all frames.
        steps: F steps of training.
        colours: n, of the points; they keep theirs through the film.
        legend: names and their colours, as people typed them.
    """
    points = go.Scatter(
        x=xy[-1, :, 0],
        y=xy[-1, :, 1],
        mode="markers",
        hoverinfo="skip",
        showlegend=False,
        marker={
            "color": list(colours),
            "size": 7,
            "opacity": 0.85,
            "line": {"color": look.OUTLINE, "width": 1},
        },
    )
    names = [str(step) for step in steps]
    frames = [
        go.Frame(name=name, data=[go.Scatter(x=each[:, 0], y=each[:, 1])])
        for name, each in zip(names, xy, strict=True)
    ]
    # a frame moves the first trace only
    named = [_named(look.label(name), colour) for name, colour in legend]
    figure = look.finish(go.Figure([points, *named], frames=frames), height)
    low, high = _ends(xy[:, :, 0])
    figure.update_xaxes(visible=False, range=[low, high], constrain="domain")
    low, high = _ends(xy[:, :, 1])
    figure.update_yaxes(visible=False, range=[low, high], scaleanchor="x", constrain="domain")
    return figure.update_layout(
        margin={"b": 70},
        updatemenus=[_play()],
        sliders=[_slider(names)],
        dragmode=False,
        showlegend=bool(legend),
        legend={"x": 1, "xanchor": "right", "y": 1, "itemclick": False, "itemdoubleclick": False},
    )


def _named(name: str, colour: str) -> go.Scatter:
    """A line of the legend, without a point in the film."""
    return go.Scatter(
        x=[None],
        y=[None],
        name=name,
        mode="markers",
        marker={"color": colour, "size": 9, "line": {"color": look.OUTLINE, "width": 1}},
    )


def _ends(values: NDArray[np.float32]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = 0.04 * max(high - low, 1e-6)
    return low - room, high + room


def _move(duration: int) -> dict[str, object]:
    return {
        "mode": "immediate",
        "fromcurrent": True,
        "frame": {"duration": duration + (STAY if duration else 0), "redraw": False},
        "transition": {"duration": duration, "easing": "cubic-in-out"},
    }


def _play() -> dict[str, object]:
    button = {
        "label": "Play",
        "method": "animate",
        "args": [None, {**_move(MOVE), "fromcurrent": False}],
    }
    return {
        "type": "buttons",
        "showactive": False,
        "buttons": [button],
        "direction": "left",
        "x": 0,
        "xanchor": "left",
        "y": 0,
        "yanchor": "top",
        "pad": {"t": 24},
        "font": {"size": look.FONT, "color": look.OUTLINE},
        "bgcolor": "rgba(0, 0, 0, 0)",
        "bordercolor": look.OUTLINE,
    }


def _slider(names: Sequence[str]) -> dict[str, object]:
    return {
        "active": len(names) - 1,
        "x": 0.12,
        "len": 0.88,
        "y": 0,
        "pad": {"t": 12},
        "currentvalue": {"prefix": "Step ", "xanchor": "left", "font": {"size": look.FONT}},
        "font": {"size": look.SMALL, "color": look.OUTLINE},
        "bgcolor": f"rgb({look.ACCENT})",
        "activebgcolor": f"rgb({look.ACCENT})",
        "bordercolor": look.OUTLINE,
        "tickcolor": look.OUTLINE,
        "steps": [
            {"label": name, "method": "animate", "args": [[name], _move(0)]} for name in names
        ],
    }
