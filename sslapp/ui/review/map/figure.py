"""The review map's figure: every image as a point, or density with some candidates on top.

It holds no selection and no threshold: what is selected is a polygon that the server applies, so
the figure stays the same while a reader selects, and the chart keeps its zoom.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image

from sslapp.charts.look import OUTLINE
from sslapp.charts.raster import Box, bounds, density
from sslapp.ui.common.map.chart import LAYOUT, outlines, steps
from sslapp.ui.common.map.hook import Ring
from sslapp.ui.review.map.colours import Coding
from sslapp.usecases.reviewing.board import Board

POINTS = 50_000
"""Images up to which each is a point of its own; beyond it a browser draws too slowly."""

CHALLENGERS, EXPERTS = 4_000, 3_000
"""Candidates and expert labels drawn over the density, at most."""

LONGEST = (320, 760)
"""Pixels of the density's longer side: fewer for fewer images, so that each is still seen."""

LEVELS = 32
"""Steps of colour and opacity in the picture; finer ones double its size and are not seen."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Which images are points of the chart.

    Attributes:
        positions: (n,) int32, those labelled by experts last, so that they lie on top.
        experts: how many of them those are.
        whole: every image of the map is among them; otherwise they lie on density.
    """

    positions: NDArray[np.int32]
    experts: int
    whole: bool


def drawn(
    board: Board,
    box: Box | None,
    points: int = POINTS,
    within: NDArray[np.bool_] | None = None,
) -> Drawn:
    """Choose the points: all, or past `points` some candidates and expert labels in the box.

    The sample is drawn by the round, so a point stays while its neighbours are decided.

    Args:
        within: (N,) the images that may be drawn; None for all.
    """
    count = len(board.xy)
    shown = board.drawn if within is None else board.drawn & within[:count]
    expert = board.expert[:count] & shown
    if np.count_nonzero(shown) <= points:
        order = np.concatenate([np.flatnonzero(shown & ~expert), np.flatnonzero(expert)])
        return Drawn(order.astype(np.int32), int(expert.sum()), whole=True)
    lot = np.random.default_rng(board.round_id or 0).random(count, dtype=np.float32)
    open_ = board.proposals.positions
    open_ = open_[open_ < count]
    open_ = open_[shown[open_]]
    some = _least(lot, open_[_within(board.xy, open_, box)], CHALLENGERS)
    said = np.flatnonzero(expert)
    top = _least(lot, said[_within(board.xy, said, box)], EXPERTS)
    return Drawn(np.concatenate([some, top]).astype(np.int32), len(top), whole=False)


def figure(
    board: Board,
    coding: Coding,
    points: Drawn,
    box: Box,
    picture: str | None,
    *,
    ranges: Sequence[float] = (),
    rings: Sequence[Ring] = (),
) -> go.Figure:
    """One WebGL trace of points, over a picture of the density if there is one.

    Args:
        box: what the map shows.
        picture: the density as a data URL, edge to edge of the box.
        ranges: left, right, bottom, top of an earlier zoom to start from; () for the box.
        rings: the outline of what is selected already.
    """
    chart = go.Figure(_trace(board, coding, points))
    edges = (box.left, box.right, box.bottom, box.top)
    if not ranges or np.allclose(ranges, edges, atol=1e-4 * max(box.width, box.height)):
        ranges = edges  # not zoomed: the figure stays what it was
    left, right, bottom, top = ranges
    axis = {"visible": False, "constrain": "domain"}
    chart.update_layout(
        **LAYOUT,
        xaxis={**axis, "range": [left, right]},
        yaxis={**axis, "range": [bottom, top], "scaleanchor": "x"},
        hoverdistance=12,
        uirevision="review",
        selectionrevision="review",
        selections=outlines(rings),
        showlegend=False,
    )
    if picture is not None:
        chart.add_layout_image(
            source=picture,
            xref="x",
            yref="y",
            x=box.left,
            y=box.top,
            sizex=box.width,
            sizey=box.height,
            sizing="stretch",
            layer="below",
        )
    return chart


def picture(board: Board, coding: Coding, box: Box, within: NDArray[np.bool_] | None = None) -> str:
    """The density of all images in the box, as a data URL of a PNG.

    Args:
        within: (N,) the images to draw; None for all.
    """
    count = len(board.xy)
    xy, codes = board.xy, coding.codes[:count]
    if within is not None:
        xy, codes = xy[within[:count]], codes[within[:count]]
    there = _within(xy, np.arange(len(xy)), box)
    longest = int(np.clip(2 * np.sqrt(np.count_nonzero(there)), *LONGEST))
    drawing = density(xy, codes, coding.rgb, box, longest)
    step = 256 // LEVELS
    drawing[...] = np.minimum((drawing + step // 2) // step * np.uint16(step), 255)
    file = io.BytesIO()
    Image.fromarray(drawing).save(file, "PNG", compress_level=4)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def whole(board: Board) -> Box:
    """The box of the whole map."""
    return bounds(board.xy if board.drawn.all() else board.xy[board.drawn])


def _trace(board: Board, coding: Coding, points: Drawn) -> go.Scattergl:
    count = len(points.positions)
    on_top = np.zeros(count, dtype=bool)
    on_top[count - points.experts :] = True
    size = _size(count) if points.whole else 6
    outline = 0 if points.whole and count > 3_000 else 0.5
    xy = board.xy[points.positions]
    return go.Scattergl(
        x=xy[:, 0],
        y=xy[:, 1],
        mode="markers",
        hoverinfo="none",
        showlegend=False,
        customdata=points.positions,
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 0.22}},
        marker={
            "color": coding.codes[points.positions],
            "cmin": -0.5,
            "cmax": len(coding.colours) - 0.5,
            "colorscale": steps(coding.colours),
            "size": np.where(on_top, size + 4, size).astype(np.uint8),
            "opacity": 0.85,
            **_scale(coding),
            "line": {
                "width": np.where(on_top, 1.5, outline).astype(np.float32),
                "color": OUTLINE,
            },
        },
    )


def _scale(coding: Coding) -> dict[str, object]:
    if coding.ends is None:
        return {}
    bar = {
        "tickvals": [1, len(coding.colours) - 1],
        "ticktext": coding.ends,
        "thickness": 10,
        "len": 0.35,
        "x": 0,
        "xanchor": "left",
        "y": 0,
        "yanchor": "bottom",
        "outlinewidth": 0,
    }
    return {"showscale": True, "colorbar": bar}


def _size(count: int) -> int:
    """Pixels of a point: few should be seen at once, many must not hide each other."""
    return 7 if count <= 3_000 else 5 if count <= 15_000 else 4


def _least(lot: NDArray[np.float32], positions: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """The `most` positions with the smallest lots, ascending."""
    if len(positions) <= most:
        return np.sort(positions)
    return np.sort(positions[np.argpartition(lot[positions], most)[:most]])


def _within(
    xy: NDArray[np.float32], positions: NDArray[np.int64], box: Box | None
) -> NDArray[np.bool_]:
    if box is None:
        return np.ones(len(positions), dtype=bool)
    x, y = xy[positions].T
    return (x >= box.left) & (x <= box.right) & (y >= box.bottom) & (y <= box.top)
