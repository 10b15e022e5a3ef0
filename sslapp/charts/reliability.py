"""The reliability diagram: how often a round is right where it says how sure it is.

Bars on the diagonal mean that confidence can be taken at its word; below it the round is sure of
more than it knows (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, figure 1).
"""

import numpy as np
import plotly.graph_objects as go

from sslapp.charts import look
from sslapp.review.bounds import clopper_pearson
from sslapp.training.calibration.table import CalibrationTable

HEIGHT = 280
TOP = 1.09
"""Where the counts stand, above the bars."""


def reliability(table: CalibrationTable, height: int = HEIGHT) -> go.Figure:
    """Draw accuracy with its exact 95 % interval for every bin that has images, and its n."""
    there = np.flatnonzero(table.counts)
    width = np.diff(table.edges)[there]
    centre = (table.edges[:-1] + table.edges[1:])[there] / 2
    counts, right = table.counts[there], table.right[there]
    accuracy = right / counts
    ends = np.array(
        [clopper_pearson(int(k), int(n)) for k, n in zip(right, counts, strict=True)]
    ).reshape(-1, 2)
    bars = go.Bar(
        x=centre,
        y=accuracy,
        width=width,
        marker={"color": look.shade(1), "line": {"color": look.OUTLINE, "width": 1}},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": np.maximum(ends[:, 1] - accuracy, 0),
            "arrayminus": np.maximum(accuracy - ends[:, 0], 0),
            "color": look.OUTLINE,
            "thickness": 1.5,
            "width": 4,
        },
        hovertext=[
            f"confidence {low:.1f} to {high:.1f}, on average {mean:.3f}<br>"
            f"accuracy {share:.3f} ({ends[i, 0]:.3f} to {ends[i, 1]:.3f}), n = {count:,}"
            for i, (low, high, mean, share, count) in enumerate(
                zip(
                    table.edges[there],
                    table.edges[there + 1],
                    table.confidence[there] / counts,
                    accuracy,
                    counts.tolist(),
                    strict=True,
                )
            )
        ],
        hoverinfo="text",
    )
    diagonal = go.Scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": look.OUTLINE, "dash": "dot", "width": 1.5},
        hoverinfo="skip",
    )
    numbers = go.Scatter(
        x=centre,
        y=np.full(len(there), TOP),
        mode="text",
        text=[short(each) for each in counts.tolist()],
        textfont={"size": look.SMALL},
        hoverinfo="skip",
    )
    figure = look.finish(go.Figure([bars, diagonal, numbers]), height, bargap=0)
    figure.update_layout(margin={"r": 12})
    figure.update_xaxes(title={"text": "Confidence", "standoff": 14}, range=[0, 1], dtick=0.2)
    figure.update_yaxes(
        title={"text": "Accuracy", "standoff": 12}, range=[0, TOP + 0.07], tickvals=[0, 0.5, 1]
    )
    return figure


def short(count: int) -> str:
    """ "812", "9.6k": a count where a bar's width is all the room there is."""
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 10_000 else f"{round(count / 1000)}k"
