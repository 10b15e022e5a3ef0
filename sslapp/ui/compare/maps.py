"""Two rounds' maps side by side: what is outlined on one is shown on the other."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from sslapp.ui.common import addresses, faults, picture_grid, plain
from sslapp.ui.common.map import hook
from sslapp.ui.common.map.chart import CONFIG, LAYOUT, outlines, steps
from sslapp.usecases.access import Access
from sslapp.usecases.comparing.comparison import Comparison
from sslapp.usecases.comparing.maps import LinkedMap, LinkedMaps, linked_key, linked_maps
from sslapp.usecases.projects.classes import ClassRow
from sslapp.vocabulary import Space
from sslapp.words import count, percent

KEY = "compare-maps"
_OUTLINE, _CLEARS = f"{KEY}-outline", f"{KEY}-clears"
HEIGHT = 380


def show(access: Access, project_id: int, found: Comparison, first: int, second: int) -> None:
    """Draw the maps of two rounds; an outline redraws them and nothing else of the page."""

    def panel() -> None:
        key = linked_key(access, project_id, (first, second))
        linked = _read(
            f"{access.workspace.root} {access.workspace.url}",
            project_id,
            first,
            second,
            event_number=key.event_number,
            projections=" ".join(map(str, key.projections)),
            _access=access,
            _found=found,
        )
        if linked is None:
            st.caption("The maps appear when the images are embedded.")
            return
        outline = st.session_state.get(_OUTLINE, (None, 0, ()))
        drawn_on = (project_id, key.pair, key.projections)
        place, rings = outline[1:] if outline[0] == drawn_on else (0, ())
        selected = linked.inside(place, rings) if rings else None
        for at, column in enumerate(st.columns(2, gap="medium")):
            with column:
                _map(
                    access,
                    project_id,
                    found,
                    linked,
                    at=at,
                    drawn_on=drawn_on,
                    revision=key.event_number,
                    selected=selected,
                    rings=rings if at == place else (),
                )
        st.markdown(_words(linked, selected))
        if selected is not None:
            _apart(access, project_id, found, linked, selected)

    faults.fragment(panel, key=KEY)


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(
    place: str,
    project_id: int,
    first: int,
    second: int,
    *,
    event_number: int,
    projections: str,
    _access: Access,
    _found: Comparison,
) -> LinkedMaps | None:
    return linked_maps(_access, project_id, _found, (first, second))


def _map(
    access: Access,
    project_id: int,
    found: Comparison,
    linked: LinkedMaps,
    *,
    at: int,
    drawn_on: tuple[object, ...],
    revision: int,
    selected: NDArray[np.bool_] | None,
    rings: Sequence[hook.Ring],
) -> None:
    drawn = linked.maps[at]
    chart = f"{KEY}-{at}"
    st.markdown(f"**Round {drawn.number}** · {_space(drawn)}")
    st.plotly_chart(
        figure(drawn, linked.positions, found.classes, selected, rings),
        key=chart,
        config=CONFIG,
        alt=f"Map of {len(linked.positions)} images under round {drawn.number}",
    )

    def gesture() -> None:
        match hook.read(f"{chart}-hook"):
            case hook.Area(rings, _):
                st.session_state[_OUTLINE] = (drawn_on, at, rings)
                clears[1 - at] += 1  # one outline at a time
            case hook.Cleared():
                st.session_state.pop(_OUTLINE, None)

    clears = st.session_state.setdefault(_CLEARS, [0, 0])
    hook.mount(
        chart,
        addresses.of_project(access, project_id),
        drawn.number,
        found.classes,
        space=drawn.space,
        revision=revision,
        clear=clears[at],
        key=f"{chart}-hook",
        on_gesture=gesture,
    )


def figure(
    drawn: LinkedMap,
    positions: NDArray[np.int64],
    classes: Sequence[ClassRow],
    selected: NDArray[np.bool_] | None,
    rings: Sequence[hook.Ring] = (),
) -> go.Figure:
    """One WebGL trace of n points in the colours of their predicted classes.

    Args:
        positions: (n,) of the points.
        classes: all of the project; entry c has number c.
        selected: (n,) bool, what is outlined on either map; None without an outline.
        rings: the outline, on the map that it was drawn on.
    """
    points = go.Scattergl(
        x=drawn.xy[:, 0],
        y=drawn.xy[:, 1],
        mode="markers",
        hoverinfo="none",
        showlegend=False,
        customdata=positions.astype(np.int32),
        selectedpoints=None if selected is None else np.flatnonzero(selected).tolist(),
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 0.12}},
        marker={
            "color": drawn.predicted,
            "cmin": -0.5,
            "cmax": len(classes) - 0.5,
            "colorscale": steps([each.colour for each in classes]),
            "size": 6 if len(positions) <= 3_000 else 4,
            "opacity": 0.85,
        },
    )
    named = [_named(classes[number]) for number in np.unique(drawn.predicted).tolist()]
    axis = {"visible": False, "constrain": "domain"}
    return go.Figure([points, *named]).update_layout(
        height=HEIGHT,
        **LAYOUT,
        xaxis=axis,
        yaxis={**axis, "scaleanchor": "x"},
        uirevision=KEY,
        selectionrevision=KEY,
        selections=outlines(rings),
        legend={
            "orientation": "h",
            "x": 0,
            "y": 0,
            "yanchor": "top",
            "itemclick": False,
            "itemdoubleclick": False,
        },
    )


def _named(row: ClassRow) -> go.Scatter:
    """A line of the legend, without a point on the map."""
    return go.Scatter(
        x=[None],
        y=[None],
        name=plain.plotly(row.name),
        mode="markers",
        marker={"color": row.colour, "size": 9},
    )


def _space(drawn: LinkedMap) -> str:
    if drawn.space is Space.ROUND:
        return "as its own model sees the images"
    return f"on the map of the {plain.markdown(drawn.encoder or '')} encoder"


def _words(linked: LinkedMaps, selected: NDArray[np.bool_] | None) -> str:
    """What is outlined and how far the two agree about it."""
    if selected is None:
        said = f"{count(len(linked.positions), 'image')} on both maps; those drawn to measure are "
        said += "on neither."
        if linked.left_out:
            said += f" {count(linked.left_out, 'image')} more left out at random."
        return f"{said} Outline some on one map to see them on the other."
    chosen, agree = int(selected.sum()), int((selected & linked.agree).sum())
    if not chosen:
        return "**No image** in the outline."
    alike = f"{agree:,} of them ({percent(agree / chosen)})"
    return f"**{count(chosen, 'image')} outlined**; both rounds agree on {alike}."


def _apart(
    access: Access,
    project_id: int,
    found: Comparison,
    linked: LinkedMaps,
    selected: NDArray[np.bool_],
) -> None:
    """Some of the outlined images that the two take for different classes."""
    rows = np.flatnonzero(selected & ~linked.agree)[: picture_grid.SHOWN]
    if not len(rows):
        return
    one, other = linked.maps
    names = [each.name for each in found.classes]
    lines = [f"{names[one.predicted[row]]} → {names[other.predicted[row]]}" for row in rows]
    picture_grid.show(access, project_id, linked.positions[rows], lines, key=f"{KEY}-pictures")
