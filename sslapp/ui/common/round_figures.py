"""What a round reports as it trains: its curves, and whom its pseudo-labels go to."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from sslapp.charts import look
from sslapp.ui.common import plain
from sslapp.usecases.training.metrics import HOLDOUT_FIGURES, JUDGED, RIGHT, SHARES, Curve
from sslapp.usecases.training.pictures import ShownViews
from sslapp.usecases.training.progress import LiveJob
from sslapp.words import percent, proportion

LINES = {
    "labelled loss": {"color": look.LINES[0], "width": 2},
    "unlabelled loss": {"color": look.LINES[4], "width": 2, "dash": "dot"},
}
"""The losses that are drawn, in colours that no class has and that suit both themes."""

IN_THE_LOG = HOLDOUT_FIGURES | {"loss", "learning rate", JUDGED}
"""Reported, but not worth a figure of their own: sums, settings, and what is shown with its n."""

HEIGHT = 170
MOST_BARS = 20
BAR = 17


def live(work: LiveJob) -> None:
    """Draw what a running round has reported so far."""
    latest = work.latest
    drawn = [name for name in LINES if len(work.metrics.get(name, ())) > 1]
    named = [*(name for name in LINES if name in latest), *sorted(latest.keys() - LINES.keys())]
    shown = [name for name in named if name not in IN_THE_LOG]
    with st.grid(max(len(shown), 1), min_column_width=130):
        for name in shown:
            st.metric(plain.markdown(name.capitalize()), _value(name, latest[name]))
    if work.holdout_accuracy is not None and work.holdout:
        st.caption(f"Holdout accuracy so far: {proportion(*work.holdout_accuracy)}")
    if RIGHT in latest:
        st.caption(
            "Pseudo-labels right: of the labelled images that are part of the unlabelled set, "
            f"{latest[JUDGED]:,.1f} a step. The network is taught their labels, so it may be less "
            "often right about the pool."
        )
    count = sum(map(bool, (drawn, work.pseudo_labels, work.thresholds)))
    panels = st.grid(max(count, 1), min_column_width=320)
    if drawn:
        with panels.container(gap="xsmall"):
            losses(work.metrics, work.steps or work.total, key=f"losses-{work.id}")
    if work.pseudo_labels:
        with panels.container(gap="xsmall"):
            _pseudo_labels(work)
    if work.thresholds:
        with panels.container(gap="xsmall"):
            _thresholds(work)


def views(found: ShownViews) -> None:
    """Draw the same images in each of the views that the method sees."""
    st.caption(f"What the method sees of the same images, after {found.step:,} steps")
    for name, strip in found.strips:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(plain.markdown(name.capitalize()), width=110)
            st.image(strip, width="content")


def losses(metrics: Mapping[str, Curve], total: int, *, key: str) -> None:
    """Draw the losses by step."""
    drawn = {name: metrics[name] for name in LINES if len(metrics.get(name, ())) > 1}
    st.caption("Losses by step")
    st.plotly_chart(
        curves(drawn, total), config={"staticPlot": True}, key=key, alt="Losses by step"
    )


def curves(drawn: Mapping[str, Curve], total: int) -> go.Figure:
    """One line a loss over the steps of the round."""
    lines = [
        go.Scatter(
            x=[step for step, _ in curve],
            y=[value for _, value in curve],
            mode="lines",
            name=name,
            line=LINES[name],
        )
        for name, curve in drawn.items()
    ]
    figure = look.finish(go.Figure(lines), HEIGHT, showlegend=True)
    figure.update_xaxes(range=[0, total])
    figure.update_yaxes(rangemode="tozero", nticks=4)
    return figure.update_layout(
        margin={"t": 20},
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
    )


def _pseudo_labels(work: LiveJob) -> None:
    named = work.pseudo_labels
    values = np.array([value for _, value in named.values()])
    total = values.sum()
    kept = range(len(named))
    if len(named) > MOST_BARS:
        kept = np.argsort(-values, kind="stable")[:MOST_BARS].tolist()
        st.caption(f"Confident pseudo-labels, share of each class ({MOST_BARS} largest)")
    else:
        st.caption("Confident pseudo-labels, share of each class")
    names, colours = list(named), [colour for colour, _ in named.values()]
    st.plotly_chart(
        shares(
            [names[each] for each in kept],
            [colours[each] for each in kept],
            values[list(kept)] / max(total, 1e-9),
        ),
        config={"staticPlot": True},
        key=f"pseudo-labels-{work.id}",
        alt=f"Share of confident pseudo-labels, up to {percent(values.max() / max(total, 1e-9))}",
    )


def _thresholds(work: LiveJob) -> None:
    kept = list(work.thresholds.items())[:MOST_BARS]
    some = f" (first {MOST_BARS})" if len(work.thresholds) > MOST_BARS else ""
    st.caption(f"Confidence from which on a class's pseudo-labels count{some}")
    values = np.array([value for _, (_, value) in kept])
    bars = shares([name for name, _ in kept], [colour for _, (colour, _) in kept], values)
    st.plotly_chart(
        bars.update_xaxes(range=[0, 1.15]),  # a confidence is seen against 1
        config={"staticPlot": True},
        key=f"thresholds-{work.id}",
        alt=f"Thresholds of the classes, {percent(values.min())} to {percent(values.max())}",
    )


def shares(names: Sequence[str], colours: Sequence[str], values: np.ndarray) -> go.Figure:
    """A bar a class. values: (n,) shares of 1."""
    bars = go.Bar(
        x=values,
        y=np.arange(len(values)),
        orientation="h",
        marker={"color": list(colours), "line": {"color": look.OUTLINE, "width": 1}},
        text=[f"{100 * each:.0f} %" for each in values.tolist()],
        textposition="outside",
        textfont={"size": look.SMALL},
        cliponaxis=False,
    )
    figure = look.finish(go.Figure(bars), max(HEIGHT, BAR * len(values) + 8), bargap=0.3)
    figure.update_xaxes(visible=False, range=[0, max(float(values.max(initial=0)), 0.01) * 1.15])
    return figure.update_yaxes(
        autorange="reversed",
        tickvals=np.arange(len(values)),
        ticktext=[f"{plain.plotly(each)}  " for each in names],
        showgrid=False,
        tickfont={"size": look.SMALL},
    )


def _value(name: str, value: float) -> str:
    if name in SHARES:
        return f"{100 * value:.0f} %"
    return f"{value:.3f}" if abs(value) >= 0.001 or value == 0 else f"{value:.1e}"
