"""The embedding map: every image as a point, coloured by its current label."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from sslapp.charts import look
from sslapp.usecases.access import Access
from sslapp.usecases.images.maps import Map, read_map
from sslapp.usecases.projects.classes import ClassRow
from sslapp.words import count

UNLABELLED = "rgba(128, 136, 148, 0.32)"
OUTLINE = look.OUTLINE

CONFIG = {"displaylogo": False, "scrollZoom": True, "displayModeBar": False}


def show(
    access: Access,
    project_id: int,
    embedding_id: int | None,
    event: int,
    classes: Sequence[ClassRow],
    *,
    height: int = 430,
) -> None:
    """Draw the map, or say why there is none yet.

    Args:
        embedding_id: which projection; None when nothing is embedded yet.
        event: the newest event's number; the labels on the map are those after it.
        classes: live classes in column order.
    """
    if embedding_id is None:
        st.caption("The map appears when the images are embedded.")
        return
    found = _read(str(access.workspace.root), project_id, embedding_id, event, access)
    st.plotly_chart(figure(found, classes, height), config=CONFIG, alt=_alt(found))
    st.caption(_caption(found))


@st.cache_data(max_entries=16, show_spinner=False)
def _read(root: str, project_id: int, embedding_id: int, event: int, _access: Access) -> Map:
    return read_map(_access, project_id, embedding_id)


def figure(found: Map, classes: Sequence[ClassRow], height: int) -> go.Figure:
    """One WebGL trace; classes are steps of a colour scale, so colours travel as small numbers."""
    labelled = found.columns >= 0
    points = go.Scattergl(
        x=found.xy[:, 0],
        y=found.xy[:, 1],
        mode="markers",
        hoverinfo="skip",
        marker={
            # from 0, because -1 in base64 is "//", and Plotly escapes a slash to six characters
            "color": found.columns + np.int16(1),
            "cmin": -0.5,
            "cmax": len(classes) + 0.5,
            "colorscale": _steps([UNLABELLED, *(each.colour for each in classes)]),
            "size": np.where(labelled, _size(int(labelled.sum())), 5).astype(np.uint8),
            "opacity": 1,
            "line": {"width": np.where(labelled, 1, 0).astype(np.uint8), "color": OUTLINE},
        },
    )
    axis = {"visible": False, "constrain": "domain"}
    return go.Figure(points).update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        xaxis=axis,
        yaxis={**axis, "scaleanchor": "x"},
        dragmode="pan",
        showlegend=False,
    )


def _size(labelled: int) -> int:
    """Pixels of a labelled point: a few should be seen at once, many must not hide each other."""
    return 9 if labelled < 300 else 7 if labelled < 5000 else 5


def _steps(colours: Sequence[str]) -> list[tuple[float, str]]:
    """A colour scale without transitions. Returns two stops a colour, from 0 to 1."""
    edges = np.linspace(0, 1, len(colours) + 1).tolist()
    stops = zip(colours, pairwise(edges), strict=True)
    return [(edge, colour) for colour, ends in stops for edge in ends]


def _alt(found: Map) -> str:
    labelled = int((found.columns >= 0).sum())
    return f"Embedding map of {len(found.columns)} images, {labelled} of them coloured by label"


def _caption(found: Map) -> str:
    parts = [f"Projection of the {found.encoder} embedding; grey images have no label."]
    if found.left_out:
        parts.append(f"{count(found.left_out, 'unlabelled image')} left out, drawn at random.")
    if found.not_embedded:
        parts.append(f"{count(found.not_embedded, 'image')} not embedded yet.")
    return " ".join(parts)
