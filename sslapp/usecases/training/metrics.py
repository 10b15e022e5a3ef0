"""What rounds report as they train: curves, pseudo-labels per class, and how fast they are."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from sslapp.store import reports
from sslapp.store.label_classes import ClassRow
from sslapp.training.loop import figures

Curve = reports.Curve
"""(step, value), by step."""

PSEUDO_LABELS = "pseudo_labels/"
"""Before a column, in the name under which a round reports the pseudo-labels of its class."""

THRESHOLDS = "threshold/"
"""The same of the confidence from which on pseudo-labels of the class count."""

BY_CLASS = (PSEUDO_LABELS, THRESHOLDS)

RIGHT, JUDGED = figures.RIGHT, figures.JUDGED
"""See there: how right pseudo-labels are, and of how many labelled images a step."""

LOSS, SECONDS, GPU_MEMORY = "loss", "seconds", "gpu memory"

SHARES = frozenset({"holdout accuracy", "mask rate", RIGHT})
"""Reported figures that are shares of 1."""

HOLDOUT_FIGURES = figures.names()
"""Names of all that a round reports about the holdout as it trains."""

RECENT = 10
"""Reports over which the present speed is taken."""


def curves(conn: Connection, round_id: int) -> dict[str, Curve]:
    """Name -> [(step, value), ...] of what a round reported, without what it did of each class."""
    return reports.curves(conn, [round_id], without=BY_CLASS)[round_id]


def latest(reported: Mapping[str, Curve]) -> dict[str, float]:
    """Name -> the newest value of each curve."""
    return {name: curve[-1][1] for name, curve in reported.items()}


def by_class(
    values: Mapping[str, float], what: str, class_ids: Sequence[int], classes: Sequence[ClassRow]
) -> dict[str, tuple[str, float]]:
    """Class name -> (colour, what was reported of it).

    Args:
        values: a report.
        what: PSEUDO_LABELS, confident ones a step, or THRESHOLDS.
        class_ids: what the round's columns mean.
        classes: of the project, retired ones too.
    """
    known = {each.id: each for each in classes}
    return {
        known[class_id].name: (known[class_id].colour, values[f"{what}{column}"])
        for column, class_id in enumerate(class_ids)
        if f"{what}{column}" in values
    }


def recent_rate(seconds: Curve) -> float | None:
    """Steps a second over the last reports; None before the second one.

    Args:
        seconds: (step, seconds since the attempt began), by step; a resumed round starts anew at 0.
    """
    last = seconds[-RECENT - 1 :]
    start = len(last) - 1
    while start > 0 and last[start - 1][1] < last[start][1]:
        start -= 1
    if len(last) < 2 or start == len(last) - 1:
        return None
    (first_step, began), (step, now) = last[start], last[-1]
    return (step - first_step) / (now - began)
