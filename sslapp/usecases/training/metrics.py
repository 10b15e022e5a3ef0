"""What rounds report as they train: curves, pseudo-labels per class, and how fast they are."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from sslapp.store.schema import label_class, round_metric

PSEUDO_LABELS = "pseudo_labels/"
SECONDS, GPU_MEMORY = "seconds", "gpu memory"

RECENT = 10
"""Reports over which the present speed is taken."""

Course = list[tuple[int, float]]


def courses(conn: Connection, round_id: int) -> dict[str, Course]:
    """Name -> [(step, value), ...] of what a round reported, without the pseudo-labels."""
    rows = conn.execute(
        select(round_metric.c.name, round_metric.c.step, round_metric.c.value)
        .where(round_metric.c.round_id == round_id)
        .where(round_metric.c.name.not_like(f"{PSEUDO_LABELS.replace('_', '!_')}%", escape="!"))
        .order_by(round_metric.c.step)
    )
    found: dict[str, Course] = {}
    for name, step, value in rows:
        found.setdefault(name, []).append((step, value))
    return found


def pseudo_labels(
    conn: Connection, round_id: int, class_ids: Sequence[int]
) -> dict[str, tuple[str, float]]:
    """Class name -> (colour, confident pseudo-labels a step), by the newest report.

    Args:
        class_ids: what the round's columns mean.
    """
    mine = round_metric.c.round_id == round_id
    newest = select(func.max(round_metric.c.step)).where(mine).scalar_subquery()
    values = dict(
        conn.execute(
            select(round_metric.c.name, round_metric.c.value).where(
                mine, round_metric.c.step == newest
            )
        ).all()
    )
    rows = select(label_class).where(label_class.c.id.in_(class_ids))
    classes = {each.id: each for each in conn.execute(rows)}
    return {
        classes[class_id].name: (classes[class_id].colour, values[f"{PSEUDO_LABELS}{column}"])
        for column, class_id in enumerate(class_ids)
        if f"{PSEUDO_LABELS}{column}" in values
    }


def recent_rate(seconds: Course) -> float | None:
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
