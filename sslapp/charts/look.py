"""The one look of all charts: sizes, neutral colours, margins, and names shown as they are."""

import html
from typing import Any

import plotly.graph_objects as go

FONT = 13
SMALL = 11

OUTLINE = "#7A828D"
"""A grey that keeps black and yellow marks apart from a dark and from a light page: it has a
contrast of 3 or more to all surfaces of both themes, which no set of many colours can have."""

UNLABELLED = "rgba(128, 136, 148, 0.32)"
"""Images without a label on a map: seen, and behind all others."""

FAINT = "rgba(140, 148, 160, 0.35)"
"""Zero lines, diagonals and what else should not be looked at first."""

ACCENT = "96, 104, 220"
"""The accent's red, green and blue; a shade of it up to STRONGEST leaves text readable."""

STRONGEST = 0.6

LINES = ("#6A72E0", "#C77D2E", "#3F9B8F", "#B65C8A", "#8A919C", "#8C6D4F")
"""Colours of rounds. Lines and dashes change together, so no round is known by its hue alone."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def label(text: str, longest: int = 24) -> str:
    """A name for a place where Plotly reads a few HTML tags; a long one is cut."""
    line = " ".join(text.split())
    return html.escape(line if len(line) <= longest else line[: longest - 1] + "…", quote=False)


def shade(strength: float) -> str:
    """The accent from nothing (0) to its strongest (1)."""
    return f"rgba({ACCENT}, {STRONGEST * min(max(strength, 0.0), 1.0):.3f})"


def line(number: int) -> dict[str, Any]:
    """How the line of the `number`-th round is drawn."""
    return {
        "color": LINES[number % len(LINES)],
        "dash": DASHES[number % len(DASHES)],
        "width": 2,
    }


def finish(figure: go.Figure, height: int, **layout: Any) -> go.Figure:
    """Give a figure the look; `layout` adds what is its own. Returns the figure itself."""
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        font={"size": FONT},
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        showlegend=False,
        hoverlabel={"font": {"size": FONT}},
    )
    figure.update_xaxes(automargin=True, zeroline=False, showgrid=False, fixedrange=True)
    figure.update_yaxes(automargin=True, zeroline=False, gridcolor=FAINT, fixedrange=True)
    return figure.update_layout(**layout)
