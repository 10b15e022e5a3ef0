"""The candidates of a round: what it proposes with enough confidence, for the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslapp.review.candidates import (
    DEFAULT_THRESHOLD,
    Candidates,
    check_threshold,
    counts_by_class,
)
from sslapp.rounds.coverage import read_coverages
from sslapp.rounds.predictions import Predictions, predictions_of
from sslapp.store import label_classes
from sslapp.store.database import reading
from sslapp.store.errors import Refused
from sslapp.store.rounds import finished_round
from sslapp.store.state import load_state, withheld
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.projects.classes import ClassRow, class_id
from sslapp.usecases.training.trust import doubts, missing_holdout, why_no_coverage

__all__ = [
    "DEFAULT_COVERAGE",
    "DEFAULT_THRESHOLD",
    "Candidates",
    "Proposal",
    "propose",
    "without_candidate",
]

DEFAULT_COVERAGE = 0.9


@dataclass(frozen=True)
class Proposal:
    """The candidates of a round at a threshold or a coverage, most doubtful first.

    Attributes:
        doubts: why there are none, or what to know before any is accepted.
        bare: names of the classes in use that have none, in column order, where others have some.
        missing_holdout: how many more labels of the holdout would calibrate an uncalibrated round;
            0 for another one.
    """

    predictions: Predictions
    candidates: Candidates
    doubts: str
    bare: list[str]
    missing_holdout: int


def propose(
    access: Access,
    project: str | int | None,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    per_class: Mapping[str, float] | None = None,
    coverage: float | None = None,
    round_number: int | None = None,
) -> Proposal:
    """What the round proposes for images that have no label, are not withheld and may have one.

    Args:
        threshold: least calibrated confidence.
        per_class: another threshold for some classes, by name.
        coverage: propose, whatever the thresholds say, the images whose conformal set at this
            coverage of every class holds one class alone.

    Raises:
        ValueError: when a class of `per_class` is not one of the project's, or a threshold or the
            coverage is no share.
        Refused: where labels are too few for the coverage.
        NotFinished: when there is no such finished round.
    """
    for each in (threshold, *(per_class or {}).values()):
        check_threshold(each)
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = finished_round(conn, project_id, round_number)
        state = load_state(conn, project_id)
        kept_back = withheld(conn, project_id, found.id)
        rows = label_classes.classes(conn, project_id, retired=True)
        own = {class_id(conn, project_id, name): at for name, at in (per_class or {}).items()}
    predictions = predictions_of(access.workspace, found, state)
    everything = predictions.candidates(state, kept_back)
    limits = np.array([own.get(each, threshold) for each in found.class_ids], dtype=np.float32)
    if coverage is None:
        chosen = everything.reach(limits, len(found.class_ids))
    else:
        name_of = {each.id: each.name for each in rows}
        in_use = np.isin(found.class_ids, state.class_ids)
        sets = next(iter(read_coverages(access.workspace, found, in_use, [coverage])), None)
        why = why_no_coverage(sets, [name_of[each] for each in found.class_ids])
        if sets is None or why:
            raise Refused(f"Round {found.number}: {why}")
        chosen = predictions.alone(everything, sets)
    reaching = everything.among(chosen)
    holdout = len(state.validation)
    missing = 0 if found.is_calibrated or found.proposes else missing_holdout(holdout)
    named = {each.id: each for each in rows}
    bare = without_candidate(
        [named[each] for each in found.class_ids], counts_by_class(reaching, len(limits))
    )
    return Proposal(predictions, reaching, doubts(found, rows, holdout), bare, missing)


def without_candidate(classes: Sequence[ClassRow], counts: NDArray[np.int64]) -> list[str]:
    """Names of the classes in use that have no candidate, where others have some.

    Args:
        classes: C, of the round's columns.
        counts: (C,) candidates of each.
    """
    if not counts.any():
        return []
    pairs = zip(classes, counts.tolist(), strict=True)
    return [each.name for each, number in pairs if not number and not each.retired]
