"""The history of a project: what readers did day by day, and what more labels brought."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from sslapp.charts import look
from sslapp.review.bounds import clopper_pearson

HEIGHT = 240

FEWEST_DAYS = 14
"""Room on the axis of days, so that the bar of a single day is no wall."""


def activity(days: Sequence[str], counts: Mapping[str, Sequence[int]]) -> go.Figure:
    """Draw a stacked bar a day.

    Args:
        days: names of D days, in order.
        counts: what was done -> how often on each of the days.
    """
    bars = [
        go.Bar(
            x=list(days),
            y=list(values),
            name=look.label(name),
            marker={"color": look.line(number)["color"]},
            hovertemplate=f"%{{x}}<br>{look.label(name)}: %{{y:,}}<extra></extra>",
        )
        for number, (name, values) in enumerate(counts.items())
    ]
    figure = look.finish(go.Figure(bars), HEIGHT, barmode="stack", bargap=0.3, showlegend=True)
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"})
    room = max(len(days), FEWEST_DAYS)
    figure.update_xaxes(type="category", nticks=12, range=[-0.5, room - 0.5])
    return figure.update_yaxes(rangemode="tozero", nticks=5)


def accuracy_by_labels(
    names: Sequence[str],
    labels: Sequence[int],
    right: Sequence[int],
    judged: Sequence[int],
) -> go.Figure:
    """Draw each round's holdout accuracy with its exact 95 % interval over its labels.

    Args:
        names: of R rounds.
        labels: how many each was trained on.
        right, judged: holdout images it got right, and of how many.
    """
    share = np.array(right) / np.array(judged)
    ends = np.array([clopper_pearson(k, n) for k, n in zip(right, judged, strict=True)])
    ends = ends.reshape(-1, 2)
    points = go.Scatter(
        x=list(labels),
        y=share,
        mode="markers",
        marker={"size": 10, "color": look.line(0)["color"]},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": np.maximum(ends[:, 1] - share, 0),
            "arrayminus": np.maximum(share - ends[:, 0], 0),
            "color": look.OUTLINE,
            "thickness": 1.5,
            "width": 4,
        },
        hovertext=[
            f"{look.label(name, 40)}<br>{k:,} of {n:,} right"
            for name, k, n in zip(names, right, judged, strict=True)
        ],
        hoverinfo="text",
    )
    figure = look.finish(go.Figure([points]), HEIGHT)
    figure.update_xaxes(title={"text": "Labels", "standoff": 6}, rangemode="tozero", nticks=6)
    return figure.update_yaxes(range=[0, 1.02], tickformat=".0%", nticks=5)
