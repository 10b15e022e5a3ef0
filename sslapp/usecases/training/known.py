"""What is known of a round: its answers about labelled images that the fit was not taught."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.review.bounds import Interval, clopper_pearson
from sslapp.review.candidates import Candidates
from sslapp.review.confidence import scaling_of
from sslapp.review.confusion import Paired, confusion, paired
from sslapp.rounds.coverage import read_coverages
from sslapp.rounds.predictions import Predictions, named_by, predictions_of
from sslapp.store import label_classes, rounds
from sslapp.store.database import reading
from sslapp.store.label_classes import ClassRow
from sslapp.store.rounds import FinishedRound
from sslapp.store.snapshots import load
from sslapp.store.state import Standing, load_state, withheld
from sslapp.training.calibration.table import CalibrationTable, calibration_table
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.training.trust import rests_on, what_lacks
from sslapp.words import count, proportion
from sslapp.workspace import Workspace

THRESHOLDS = (0.8, 0.9, 0.95, 0.99)
BINS = 10

Positions = NDArray[np.int64]
Classes = NDArray[np.int64]


@dataclass(frozen=True)
class ClassAccuracy:
    """How right a round is about the images of one class.

    Attributes:
        right, judged: so many of its labelled images; 0 of 0 where none was asked about.
    """

    name: str
    right: int
    judged: int

    @property
    def interval(self) -> Interval:
        """The exact 95 % interval of the share right."""
        return clopper_pearson(self.right, self.judged)

    def row(self) -> dict[str, str | int | float | None]:
        """As the command line lists it."""
        share = self.right / self.judged if self.judged else None
        lower, upper = self.interval if self.judged else (None, None)
        return {
            "class": self.name,
            "right": self.right,
            "n": self.judged,
            "accuracy": share,
            "lower": lower,
            "upper": upper,
        }


@dataclass(frozen=True)
class CoverageOffer:
    """What conformal sets would propose at a coverage.

    Attributes:
        share: of every class's images have a set with their class.
        count: images of the pool whose set holds one class alone; None where that cannot be said.
        judged: labels that it rests on, of the classes in use.
        why_not: which classes lack labels for it; "" where none does.
    """

    share: float
    count: int | None
    judged: int
    why_not: str


@dataclass(frozen=True, eq=False)
class Known:
    """A round held against n labels that its answers about them were not taught.

    Attributes:
        number: of the round.
        rests_on: how the answers were had, in words.
        classes: of the project by number, retired ones too.
        positions: (n,) images, ascending.
        true, predicted: (n,) numbers of their classes; the likeliest one before it was calibrated,
            for what is calibrated on these labels is no measure of itself.
        sure: (n,) calibrated confidence of the predicted one.
        proposals: (threshold, candidates) for some thresholds.
        covered: what conformal sets would propose at some coverages.
        before: number of the finished round before it, and how the two compare on the same images.
    """

    number: int
    rests_on: str
    classes: list[ClassRow]
    positions: Positions
    true: Classes
    predicted: Classes
    sure: NDArray[np.float64]
    proposals: tuple[tuple[float, int], ...]
    covered: tuple[CoverageOffer, ...]
    before: tuple[int, Paired] | None

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n,) bool."""
        return np.asarray(self.true == self.predicted)

    def confusion(self) -> NDArray[np.int64]:
        """(C, C) int64 by class number: true down, predicted across."""
        return confusion(self.true, self.predicted, len(self.classes))

    def by_class(self) -> list[ClassAccuracy]:
        """Classes in use or judged: the least certainly recognised first, unjudged ones last."""
        counts = self.confusion()
        judged, right = counts.sum(axis=1), counts.diagonal()
        lines = [
            ClassAccuracy(each.name, int(right[each.number]), int(judged[each.number]))
            for each in self.classes
            if judged[each.number] or not each.retired
        ]
        return sorted(lines, key=lambda each: (not each.judged, each.interval.lower))

    def sentences(self) -> list[str]:
        """How right it is, on what, how it stands to the one before."""
        right, n = int(self.right.sum()), len(self.right)
        how = self.rests_on.partition(", n =")[0]
        said = [f"Accuracy on labels that it was not taught ({how}): {proportion(right / n, n)}."]
        if self.before is not None:
            number, pair = self.before
            said.append(
                f"Against round {number} on the same {count(pair.judged, 'image')}: "
                f"{pair.only_second:,} right that were wrong, {pair.only_first:,} wrong that were "
                f"right (p = {pair.p_value:.2g})."
            )
        return said

    def offers(self) -> list[dict[str, Any]]:
        """What would be proposed by which rule, in words: confidences first, then coverages."""
        by_confidence = [
            {"proposed by": f"confidence {at:.2f}", "images": k, "remark": ""}
            for at, k in self.proposals
        ]
        by_coverage = [
            {
                "proposed by": f"coverage {100 * each.share:g} %",
                "images": each.count,
                "remark": each.why_not or f"n = {each.judged:,}",
            }
            for each in self.covered
        ]
        return [*by_confidence, *by_coverage]

    def cell(self, true: int, predicted: int) -> NDArray[np.int64]:
        """(m,) places in the arrays of one cell's images, the surest first."""
        rows = np.flatnonzero((self.true == true) & (self.predicted == predicted))
        return rows[np.argsort(-self.sure[rows], kind="stable")]

    def reliability(self) -> CalibrationTable:
        """Confidence against the truth."""
        return calibration_table(self.sure, self.right, BINS)


def read_known(
    access: Access, project: str | int | None, number: int | None = None
) -> Known | None:
    """What is known of a finished round; None where it has no out-of-sample answers.

    Args:
        number: of the round; default: the newest that has finished.

    Raises:
        NotFinished: when there is no such finished round.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = rounds.finished_round(conn, project_id, number)
        answers = found.read_answers(access.workspace)
        if answers is None:
            return None
        classes = label_classes.classes(conn, project_id, retired=True)
        state = load_state(conn, project_id)
        off = withheld(conn, project_id, found.id)
        before = _before(conn, access.workspace, found)
    number_of = {each.id: each.number for each in classes}
    numbers = np.array([number_of[each] for each in found.class_ids], dtype=np.int64)
    logits = np.asarray(answers.logits)
    p, said = scaling_of(found).of_logits(logits.astype(np.float64)), logits.argmax(axis=1)
    predictions = predictions_of(access.workspace, found, state)
    offered = predictions.candidates(state, off)
    return Known(
        number=found.number,
        rests_on=rests_on(found.metrics),
        classes=classes,
        positions=np.asarray(answers.positions),
        true=numbers[answers.labels],
        predicted=numbers[said],
        sure=p[np.arange(len(p)), said],
        proposals=tuple((at, int((offered.confidence >= at).sum())) for at in THRESHOLDS),
        covered=_covered(access.workspace, predictions, offered, state, classes),
        before=before,
    )


def _covered(
    workspace: Workspace,
    predictions: Predictions,
    offered: Candidates,
    standing: Standing,
    classes: Sequence[ClassRow],
) -> tuple[CoverageOffer, ...]:
    found = predictions.round
    in_use = np.isin(found.class_ids, standing.class_ids)
    name_of = {each.id: each.name for each in classes}
    names = [name_of[each] for each in found.class_ids]
    lines = []
    for coverage in read_coverages(workspace, found, in_use):
        why_not = what_lacks(coverage, names)
        alone = None if why_not else int(predictions.alone(offered, coverage).sum())
        lines.append(
            CoverageOffer(coverage.share, alone, int(coverage.judged[in_use].sum()), why_not)
        )
    return tuple(lines)


def _before(
    conn: Connection, workspace: Workspace, found: FinishedRound
) -> tuple[int, Paired] | None:
    """The finished round before, and how it compares on images that neither fit was taught."""
    earlier = rounds.newest_finished(conn, found.project_id, before=found.number)
    if earlier is None:
        return None
    mine, theirs = (_judged(workspace, each) for each in (found, earlier))
    common = sorted(mine.keys() & theirs.keys())
    if not common:
        return None
    right = [np.array([each[position] for position in common]) for each in (theirs, mine)]
    return earlier.number, paired(*right)


def _judged(workspace: Workspace, found: FinishedRound) -> dict[int, bool]:
    """Image -> whether the round was right about it, of images that it was not taught."""
    answers = found.read_answers(workspace)
    if answers is not None:
        right = np.asarray(answers.logits).argmax(axis=1) == answers.labels
        return dict(zip(answers.positions.tolist(), right.tolist(), strict=True))
    frozen = load(workspace, found.snapshot)
    rows = frozen.validation
    raw = np.asarray(found.read_probabilities(workspace)[rows])
    named = named_by(found, raw)
    rows, said = rows[named], raw[named].argmax(axis=1)
    return dict(zip(rows.tolist(), (said == frozen.labels[rows]).tolist(), strict=True))
