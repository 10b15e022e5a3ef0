"""The map's legend: what its colours mean, and the filter that a reader makes of it."""

import streamlit as st

from sslapp.ui.common import browser_component
from sslapp.ui.review import state
from sslapp.ui.review.map.colours import Coding
from sslapp.usecases.reviewing.facets import AnyFacet, Coded

KEY = "review-legend"

_component = browser_component.declare(
    "sslapp_review_legend",
    "review/legend.js",
    html="review/legend.html",
    styles=("review/legend.css",),
)


def show(facet: AnyFacet, found: Coded, coding: Coding) -> None:
    """Draw the legend, with a count for each name; a scale has none."""
    if found.ends is not None:
        return
    named = zip(found.names, coding.colours, found.counts().tolist(), strict=True)
    entries = [
        {"name": name, "colour": colour, "count": number}
        for name, colour, number in named
        if name and number
    ]
    by, only = state.filtered()
    _component(
        key=KEY,
        data={
            "entries": entries,
            "only": list(only) if by is facet else [],
            "about": "What the colours mean; press one to see it alone",
        },
        height="content",
        on_only_change=lambda: _filter(facet, {each["name"] for each in entries}),
    )


def _filter(facet: AnyFacet, names: set[object]) -> None:
    sent = st.session_state[KEY]["only"]
    chosen = sent if isinstance(sent, list) else []
    state.filter_by(facet, tuple(each for each in chosen if each in names))
