"""Draw what effort.py has kept: labels right over the reader's minutes, a figure a set and reader.

    python benchmarks/effort_curves.py effort.html

One HTML file, which needs no network.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import finished_runs
import plotly.graph_objects as go
from effort import CURVES, Point
from plotly.colors import qualitative
from plotly.subplots import make_subplots


def draw(points: Sequence[Point], target: Path) -> None:
    """Draw the kept curves of seed 0, a figure each set and reader, as one HTML file."""
    groups = sorted({(each.set, each.reader) for each in points})
    figure = make_subplots(
        rows=len(groups), cols=1, subplot_titles=[f"{name}, {who}" for name, who in groups]
    )
    ways = sorted({each.way for each in points})
    for row, group in enumerate(groups, start=1):
        for way, colour in zip(ways, qualitative.Dark24, strict=False):
            mine = [p for p in points if (p.set, p.reader) == group and p.way == way and not p.seed]
            if mine:
                figure.add_trace(
                    go.Scatter(
                        x=[each.minutes for each in mine],
                        y=[each.right for each in mine],
                        name=way,
                        legendgroup=way,
                        showlegend=not any(trace.name == way for trace in figure.data),
                        line={"color": colour, "shape": "hv"},
                    ),
                    row=row,
                    col=1,
                )
        figure.update_xaxes(title="reader's minutes", row=row, col=1)
        figure.update_yaxes(title="labelled right", range=[0, 1.02], row=row, col=1)
    figure.update_layout(height=420 * len(groups), title="What a right label costs")
    figure.write_html(target, include_plotlyjs=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("target", type=Path, help="The HTML file to write.")
    draw(finished_runs.read(CURVES, Point), parser.parse_args().target)


if __name__ == "__main__":
    main()
