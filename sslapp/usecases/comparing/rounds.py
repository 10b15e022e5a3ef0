"""Finished rounds: what each was and cost, and which of them go together."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import RowMapping, func, select

from sslapp.store.database import reading
from sslapp.store.rounds import finished
from sslapp.store.schema import round_, round_metric, snapshot
from sslapp.usecases.access import Access, require


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A finished round.

    Attributes:
        snapshot: the hash of what it trained on; rounds of one snapshot had the same labels and
            the same holdout.
        steps: optimiser steps; None for a method that takes none.
        labelled: images it trained on with their label.
        film: whether the embedding over its training was kept.
    """

    id: int
    number: int
    method: str
    gear: str
    seed: int
    snapshot: str
    steps: int | None
    labelled: int
    seconds: float
    temperature: float
    calibrated: bool
    film: bool


def finished_rounds(access: Access, project_id: int) -> list[Finished]:
    """The rounds that can be compared, in order."""
    last = select(func.max(round_metric.c.step)).where(
        round_metric.c.round_id == round_.c.id, round_metric.c.name == "loss"
    )
    query = (
        select(round_, snapshot.c.hash, snapshot.c.counts, last.scalar_subquery().label("steps"))
        .join(snapshot, snapshot.c.id == round_.c.snapshot_id)
        .where(finished(project_id))
        .order_by(round_.c.number)
    )
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        return [_finished(row) for row in conn.execute(query).mappings()]


def numbers_and_methods(access: Access, project_id: int) -> list[tuple[int, str]]:
    """Number and method of each finished round, newest first: what a choice of rounds needs."""
    query = (
        select(round_.c.number, round_.c.method)
        .where(finished(project_id))
        .order_by(round_.c.number.desc())
    )
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        return [(row.number, row.method) for row in conn.execute(query)]


def usual_choice(known: Sequence[Finished]) -> list[int]:
    """Numbers of the rounds to begin with: all of the newest snapshot that has at least two, or
    the last two."""
    for newest in reversed(known):
        same = [each.number for each in known if each.snapshot == newest.snapshot]
        if len(same) > 1:
            return same
    return [each.number for each in known[-2:]]


def _finished(row: RowMapping) -> Finished:
    metrics = row["metrics"] or {}
    return Finished(
        id=row["id"],
        number=row["number"],
        method=row["method"],
        gear=row["gear"],
        seed=row["seed"],
        snapshot=row["hash"],
        steps=row["steps"],
        labelled=row["counts"]["labelled"],
        seconds=metrics.get("seconds", 0.0),
        temperature=row["temperature"],
        calibrated=metrics.get("calibrated", False),
        film=row["frames"] is not None,
    )
