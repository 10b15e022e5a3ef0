"""The hook on a map: a gesture on the chart comes back as a polygon or one image.

The chart itself stays Streamlit's `st.plotly_chart` without `on_select`; see map_hook.js for why.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from sslapp.ui.common import browser_component
from sslapp.usecases.projects.classes import ClassRow
from sslapp.vocabulary import Space

RINGS, CORNERS = 16, 256
"""Polygons of one gesture and corners of one polygon, at most; the browser thins longer ones."""

_component = browser_component.declare(
    "sslapp_map_hook",
    "common/map_hook.js",
    html="common/map_hook.html",
    styles=("common/map_hook.css",),
)

Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Area:
    """A lasso or box was drawn.

    Attributes:
        rings: polygons in the map's coordinates.
        ranges: left, right, bottom, top of what the chart showed; () when unknown.
    """

    rings: tuple[Ring, ...]
    ranges: tuple[float, ...]


@dataclass(frozen=True)
class Picked:
    """One image was clicked."""

    position: int


@dataclass(frozen=True)
class Cleared:
    """The outline was taken off."""


Gesture = Area | Picked | Cleared


def mount(
    chart: str,
    base: str,
    round_number: int | None,
    classes: Sequence[ClassRow],
    *,
    space: Space | None = None,
    revision: int,
    clear: int,
    key: str,
    on_gesture: Callable[[], None],
) -> None:
    """Put the hook on the page; `read` inside `on_gesture` says what was done.

    Args:
        chart: key of the plotly chart to listen to.
        base: address of the project's routes.
        space: whose features say which neighbours an image has; default: the round's own.
        revision: the event number; what is remembered of an image is asked again when it grows.
        clear: raise it to take the outline off the chart.
    """
    _component(
        key=key,
        data={
            "chart": chart,
            "base": base,
            "round": round_number,
            "space": space,
            "revision": revision,
            "clear": clear,
            "classes": [
                {"id": each.id, "name": each.name, "colour": each.colour} for each in classes
            ],
        },
        height="content",
        on_gesture_change=on_gesture,
    )


def read(key: str) -> Gesture | None:
    """The gesture that a callback was called for; None when the browser sent nothing usable."""
    found = st.session_state.get(key)
    return parse(None if found is None else found.get("gesture"))


def parse(sent: object) -> Gesture | None:
    """Check what a browser sent; anything that is not a gesture is None."""
    if not isinstance(sent, Mapping):
        return None
    kind = sent.get("kind")
    if kind == "clear":
        return Cleared()
    if kind == "image":
        position = sent.get("position")
        is_one = isinstance(position, int) and not isinstance(position, bool) and position >= 0
        return Picked(position) if is_one else None  # type: ignore[arg-type]
    if kind == "area":
        rings = [_ring(each) for each in _listed(sent.get("rings"))[:RINGS]]
        usable = tuple(each for each in rings if each is not None)
        ranges = tuple(_number(each) for each in _listed(sent.get("ranges")))
        known = len(ranges) == 4 and None not in ranges
        return Area(usable, ranges if known else ()) if usable else None  # type: ignore[arg-type]
    return None


def _ring(sent: object) -> Ring | None:
    corners = []
    for each in _listed(sent)[: CORNERS + 1]:
        pair = tuple(_number(value) for value in _listed(each))
        if len(pair) != 2 or None in pair:
            return None
        corners.append(pair)
    return tuple(corners) if 3 <= len(corners) <= CORNERS else None  # type: ignore[arg-type]


def _listed(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
