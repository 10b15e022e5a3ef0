"""Learning curves: what several rounds reported as they trained, in one chart."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from sslapp.charts import look

HEIGHT = 240


@dataclass(frozen=True)
class CurveLine:
    """One round's values of one figure.

    Attributes:
        name: of the round.
        number: which line it gets; the same round keeps its line in every chart.
        x: steps or seconds, ascending.
        y: values.
    """

    name: str
    number: int
    x: Sequence[float]
    y: Sequence[float]


def curves(
    shown: Sequence[CurveLine],
    *,
    across: str = "Step",
    share: bool = False,
    height: int = HEIGHT,
    legend: bool = False,
) -> go.Figure:
    """Draw one line a round.

    Args:
        across: what x is: "Step" or "Seconds".
        share: values are shares of 1 and shown as per cent.
        legend: name the lines below the chart.
    """
    lines = [
        go.Scatter(
            x=list(each.x),
            y=list(each.y),
            # a method that reports once has no curve, only a value
            mode="lines" if len(each.x) > 1 else "markers",
            cliponaxis=len(each.x) > 1,
            marker={"size": 9, "color": look.line(each.number)["color"]},
            name=look.label(each.name, 40),
            line=look.line(each.number),
            hovertemplate=(
                f"{look.label(each.name, 40)}<br>{across.lower()} %{{x:,.0f}}: "
                f"%{{y:{'.1%' if share else '.4g'}}}<extra></extra>"
            ),
        )
        for each in shown
    ]
    figure = look.finish(go.Figure(lines), height, showlegend=legend)
    figure.update_layout(margin={"t": 8, "r": 8})  # room for the labels of the ends
    figure.update_xaxes(title={"text": across, "standoff": 14}, rangemode="tozero", nticks=6)
    figure.update_yaxes(rangemode="tozero", nticks=5)
    if share:
        figure.update_yaxes(range=[0, 1.02], tickvals=[0, 0.25, 0.5, 0.75, 1], tickformat=".0%")
    if legend:
        figure.update_layout(
            legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.3, "yanchor": "top"}
        )
    return figure
