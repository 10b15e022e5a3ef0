"""What rounds reported while they trained: curves of numbers over their steps."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from sslapp.store.integrity.canonical import canonical
from sslapp.store.schema import round_, round_metric

Curve = list[tuple[int, float]]
"""(step, value), by step."""


def report(conn: Connection, round_id: int, step: int, values: Mapping[str, float]) -> None:
    """Keep what a round reports at a step, in place of what it reported there before."""
    at = (round_metric.c.round_id == round_id) & (round_metric.c.step == step)
    conn.execute(round_metric.delete().where(at))
    rows = [
        {"round_id": round_id, "step": step, "name": name, "value": float(value)}
        for name, value in values.items()
    ]
    if rows:
        conn.execute(round_metric.insert(), rows)


def curves(
    conn: Connection, round_ids: Sequence[int], *, without: Sequence[str] = ()
) -> dict[int, dict[str, Curve]]:
    """Round's id -> name -> what it reported under that name; {} for a round without reports.

    Args:
        round_ids: of the rounds' rows.
        without: beginnings of names that are left out.
    """
    query = select(
        round_metric.c.round_id, round_metric.c.name, round_metric.c.step, round_metric.c.value
    ).where(round_metric.c.round_id.in_(list(round_ids)))
    for each in without:
        query = query.where(~round_metric.c.name.startswith(each, autoescape=True))
    found: dict[int, dict[str, Curve]] = {each: {} for each in round_ids}
    ordered = query.order_by(round_metric.c.round_id, round_metric.c.step, round_metric.c.name)
    for round_id, name, step, value in conn.execute(ordered):
        found[round_id].setdefault(name, []).append((step, value))
    return found


def newest_report(conn: Connection, round_id: int) -> dict[str, float]:
    """Name -> value of all that a round reported at its last step; {} before the first."""
    mine = round_metric.c.round_id == round_id
    newest = select(func.max(round_metric.c.step)).where(mine).scalar_subquery()
    query = select(round_metric.c.name, round_metric.c.value)
    rows = conn.execute(query.where(mine, round_metric.c.step == newest))
    return {row.name: row.value for row in rows}


def last_steps(conn: Connection, project_id: int, name: str) -> dict[int, int]:
    """Round's id -> the last step at which it reported this; only rounds that did."""
    query = (
        select(round_metric.c.round_id, func.max(round_metric.c.step).label("step"))
        .join(round_, round_.c.id == round_metric.c.round_id)
        .where(round_.c.project_id == project_id, round_metric.c.name == name)
        .group_by(round_metric.c.round_id)
    )
    return {row.round_id: row.step for row in conn.execute(query)}


def curves_hash(conn: Connection, round_id: int) -> str:
    """sha256 over a round's metrics at every step, as its row keeps it when it has ended."""
    query = select(round_metric.c.step, round_metric.c.name, round_metric.c.value).where(
        round_metric.c.round_id == round_id
    )
    listed: list[list[Any]] = sorted([row.step, row.name, row.value] for row in conn.execute(query))
    return hashlib.sha256(canonical(listed).encode()).hexdigest()
