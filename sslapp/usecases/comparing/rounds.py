"""Finished rounds: what each was and cost, and which of them go together."""

from collections.abc import Sequence
from dataclasses import dataclass

from sslapp.store import reports, rounds
from sslapp.store.database import reading
from sslapp.store.rounds import FinishedRound
from sslapp.usecases.access import Access, require
from sslapp.usecases.training.metrics import LOSS
from sslapp.usecases.training.trust import calibrating_map


@dataclass(frozen=True, kw_only=True)
class ComparableRound:
    """A finished round.

    Attributes:
        snapshot: the hash of what it trained on; rounds of one snapshot had the same labels and
            the same holdout.
        steps: optimiser steps; None for a method that takes none.
        labelled: images it trained on with their label.
        calibrated_by: the map of its confidence, in words.
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
    calibrated_by: str
    calibrated: bool
    film: bool


def comparable_rounds(access: Access, project_id: int) -> list[ComparableRound]:
    """The rounds that can be compared, in order."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        steps = reports.last_steps(conn, project_id, LOSS)
        return [
            _comparable(each, steps.get(each.id))
            for each in rounds.finished_rounds(conn, project_id)
        ]


def numbers_and_methods(access: Access, project_id: int) -> list[tuple[int, str]]:
    """Number and method of each finished round, newest first: what a choice of rounds needs."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        found = rounds.finished_rounds(conn, project_id)
        return [(each.number, each.method) for each in reversed(found)]


def usual_choice(known: Sequence[ComparableRound]) -> list[int]:
    """Numbers of the rounds to begin with: all of the newest snapshot that has at least two, or
    the last two."""
    for newest in reversed(known):
        same = [each.number for each in known if each.snapshot == newest.snapshot]
        if len(same) > 1:
            return same
    return [each.number for each in known[-2:]]


def _comparable(found: FinishedRound, steps: int | None) -> ComparableRound:
    return ComparableRound(
        id=found.id,
        number=found.number,
        method=found.method,
        gear=found.gear,
        seed=found.seed,
        snapshot=found.snapshot.hash,
        steps=steps,
        labelled=found.snapshot.counts["labelled"],
        seconds=found.metrics.get("seconds", 0.0),
        calibrated_by=calibrating_map(found),
        calibrated=found.is_calibrated,
        film=found.frames is not None,
    )
