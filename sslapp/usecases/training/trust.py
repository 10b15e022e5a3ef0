"""Whether what a round says may be acted on, and what would make it so, in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from sslapp.rounds.coverage import Coverage
from sslapp.store.label_classes import ClassRow
from sslapp.store.rounds import FinishedRound
from sslapp.training.calibration.sources import LEAST_HOLDOUT
from sslapp.vocabulary import CalibratedOn, ScalingKind
from sslapp.words import count, percent

SCALINGS = {ScalingKind.VECTOR: "vector scaling", ScalingKind.ISOTONIC: "isotonic regression"}

NAMED = 3
"""Classes that a sentence names."""


def why_nothing(found: FinishedRound, classes: Sequence[ClassRow], holdout: int) -> str:
    """Why a round proposes nothing, with the mend; "" for one that proposes.

    Args:
        classes: the project's, retired ones too.
        holdout: labels that the holdout has by now.
    """
    if found.proposes:
        return ""
    if not found.is_calibrated:
        more = missing_holdout(holdout)
        mend = "The holdout calibrates"
        if more:
            verb = "calibrates" if more == 1 else "calibrate"
            mend = f"{count(more, 'more holdout label')} {verb}"
        return f"Round {found.number} is uncalibrated and proposes nothing. {mend} the next round."
    return (
        f"{_collapsed(found, classes)} The holdout contradicts it, so it proposes nothing. Label "
        "more images of the other classes, or train another method."
    )


def warning(found: FinishedRound, classes: Sequence[ClassRow]) -> str:
    """What to know about a round that proposes; "" where there is nothing to say."""
    collapse = found.metrics.get("collapse")
    if found.is_listed and not found.is_calibrated:
        return f"Round {found.number} is only as sure as its list says."
    if not collapse or not found.proposes:
        return ""
    return f"{_collapsed(found, classes)} Look at some of them before you accept any."


def doubts(found: FinishedRound, classes: Sequence[ClassRow], holdout: int) -> str:
    """The one or the other."""
    return why_nothing(found, classes, holdout) or warning(found, classes)


def why_no_coverage(found: Coverage | None, names: Sequence[str]) -> str:
    """Why conformal sets cannot propose at a coverage, with the mend; "" where they can.

    Args:
        found: None for a round without out-of-sample answers.
        names: C, of the round's columns.
    """
    if found is None:
        return (
            "No coverage can be stated: the round was asked about no label that it was not taught."
        )
    lacks = what_lacks(found, names)
    return f"A coverage of {100 * found.share:g} % {lacks}." if lacks else ""


def what_lacks(found: Coverage, names: Sequence[str]) -> str:
    """How many labels a coverage needs of each class and which have fewer; "" where none has."""
    few = found.lacking.tolist()
    if not few:
        return ""
    if len(few) > NAMED:
        have = f"{len(few):,} classes have fewer"
    else:
        have = ", ".join(f"{names[each]} has {found.judged[each]:,}" for each in few)
    return f"needs {count(found.needed, 'label')} of each class; {have}"


def missing_holdout(holdout: int) -> int:
    """How many more labels of the holdout would calibrate a round, whatever else there is."""
    return max(LEAST_HOLDOUT - holdout, 0)


def calibrating_map(found: FinishedRound) -> str:
    """What makes a round's confidence of what it says: "T = 1.50", or another map's name."""
    if scaling := found.metrics.get("scaling"):
        return SCALINGS[scaling["kind"]]
    return f"T = {found.temperature:.2f}"


def calibration(found: FinishedRound) -> str:
    """How a round's probabilities were calibrated, as it stands above them."""
    if found.is_listed and not found.is_calibrated:
        return "as its list says"
    said, by = rests_on(found.metrics), calibrating_map(found)
    if not found.is_calibrated and found.temperature == 1:
        return said
    # what it rests on names another map than a temperature
    return f"calibrated, {said}" if said.endswith(by) else f"calibrated, {by}, {said}"


def rests_on(metrics: Mapping[str, Any]) -> str:
    """What a round's calibration rests on, and its map if that is another than a temperature."""
    source, n = metrics.get("calibrated_on"), metrics.get("calibrated_count")
    match source:
        case CalibratedOn.HOLDOUT:
            said = f"holdout, n = {n}"
        case CalibratedOn.FOLDS | CalibratedOn.THIRDS:
            said = f"cross-fitting, n = {n}"
        case CalibratedOn.THIRD:
            said = f"a third of the labels, n = {n}"
        case _:
            holdout = metrics.get("holdout")
            calibrated = metrics.get("calibrated")
            return f"holdout, n = {holdout}" if calibrated else f"uncalibrated (n = {holdout})"
    if scaling := metrics.get("scaling"):
        return f"{said}, {SCALINGS[scaling['kind']]}"
    return f"{said}, upper limit" if metrics.get("cautious") else said


def _collapsed(found: FinishedRound, classes: Sequence[ClassRow]) -> str:
    collapse = found.metrics["collapse"]
    of_column = found.class_ids[collapse["column"]]
    name = next(each.name for each in classes if each.id == of_column)
    return (
        f"Round {found.number} calls {percent(collapse['share'])} of the pool {name}; of "
        f"{count(collapse['labels'], 'label')} {collapse['labelled']:,} are."
    )
