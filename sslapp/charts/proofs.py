"""What an audit has proven at each of its thresholds."""

from collections.abc import Sequence

import plotly.graph_objects as go

from sslapp.charts import look

HEIGHT = 190


def proofs_by_threshold(
    thresholds: Sequence[float],
    precision: Sequence[float],
    words: Sequence[str],
    wanted: float,
    height: int = HEIGHT,
) -> go.Figure:
    """Draw the share of labels that is proven right from each threshold on.

    Args:
        thresholds: (n,) ascending confidences.
        precision: (n,) in [0, 1], at least so many are right.
        words: (n,) what the pointer says of each.
        wanted: the share that the project asks for.
    """
    figure = go.Figure(
        go.Scatter(
            x=list(thresholds),
            y=list(precision),
            mode="lines+markers",
            line={"color": look.shade(1), "shape": "hv"},
            marker={"size": 7},
            hovertext=list(words),
            hoverinfo="text",
        )
    )
    figure.add_hline(y=wanted, line={"color": look.OUTLINE, "dash": "dot", "width": 1.5})
    figure = look.finish(figure, height)
    lowest = min(wanted, *precision)
    figure.update_xaxes(title={"text": "Threshold", "standoff": 8})
    figure.update_yaxes(
        title={"text": "Proven right", "standoff": 8},
        range=[lowest - 0.1 * (1 - lowest), 1 + 0.1 * (1 - lowest)],
        nticks=4,
        tickformat=".0%",
    )
    return figure
