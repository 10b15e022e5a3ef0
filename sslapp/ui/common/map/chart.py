"""How every map of images looks: its tools, its outline, and colours by code."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from sslapp.charts.look import OUTLINE
from sslapp.ui.common.map.hook import Ring

ACCENT = "#6068DC"
LINE = {"color": ACCENT, "width": 2, "dash": "solid"}

CONFIG = {
    "scrollZoom": True,
    "displaylogo": False,
    "displayModeBar": True,
    "editSelection": False,  # a lasso of hundred corners would be covered by its handles
    # named one by one, because Streamlit takes lasso and box out of the standard set
    "modeBarButtons": [
        ["lasso2d", "select2d", "pan2d", "zoom2d"],
        ["zoomIn2d", "zoomOut2d", "resetScale2d"],
    ],
}

LAYOUT = {
    "margin": {"l": 0, "r": 34, "t": 0, "b": 0},
    "dragmode": "lasso",
    "hovermode": "closest",
    "newselection": {"line": LINE},
    "modebar": {
        "orientation": "v",
        "bgcolor": "rgba(0, 0, 0, 0)",
        "color": OUTLINE,
        "activecolor": ACCENT,
    },
}
"""Of a figure's layout, what no map differs in; the tools stand in the right margin."""


def outlines(rings: Sequence[Ring]) -> list[dict[str, object]]:
    """What a reader outlined already, as a figure's layout takes it: its selections."""
    return [{"type": "path", "path": _path(ring), "line": LINE} for ring in rings]


def _path(ring: Ring) -> str:
    return "M" + "L".join(f"{x:.6g},{y:.6g}" for x, y in ring) + "Z"


def steps(colours: Sequence[str]) -> list[tuple[float, str]]:
    """A plotly colour scale without transitions. Returns two stops a colour, from 0 to 1."""
    edges = np.linspace(0, 1, len(colours) + 1).tolist()
    stops = zip(colours, pairwise(edges), strict=True)
    return [(edge, colour) for colour, ends in stops for edge in ends]
