"""Checking a sample of what a round proposes before it is accepted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslapp.review.audits.audit import UNASKED, Audit, Lot, Terms
from sslapp.review.audits.forecast import USUAL_MIX, clean_looks
from sslapp.review.candidates import DEFAULT_THRESHOLD
from sslapp.rounds.predictions import predictions_of
from sslapp.store import projects
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.rounds import finished_round
from sslapp.store.state import load_state, withheld
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.auditing.evidence import evidence_for
from sslapp.usecases.auditing.opened import AboutLot, OpenedAudit, all_audits, as_kept
from sslapp.usecases.auditing.opening import allowed_errors, open_audit
from sslapp.usecases.auditing.progress import ThresholdProof, audit_progress
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.reviewing.queue import Choice, Show
from sslapp.words import at_least, count

STEPS = 7
"""Higher thresholds that are settled beside the one asked about."""


def audit_candidates(
    access: Access,
    project: str | int | None,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    positions: NDArray[np.int64] | None = None,
    round_number: int | None = None,
    target: float | None = None,
) -> OpenedAudit:
    """Open an audit of a round's candidates, or go on with the one that is about the same.

    Images about which a reader is unsure are left out: they were looked at, and nothing that is
    drawn can tell more of them.

    Args:
        threshold: least calibrated confidence of a candidate. Some higher ones are settled with
            it, so that another may be accepted by than the one that was asked about.
        positions: (n,) of the candidates, those that a reader selected.
        target: the precision that it is to prove; default: the project's.

    Raises:
        NotFinished: when there is no such finished round.
        Refused: when there is no candidate.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = finished_round(conn, project_id, round_number)
        state = load_state(conn, project_id)
        predictions = predictions_of(access.workspace, found, state)
        proposed = predictions.candidates(state, withheld(conn, project_id, found.id))
        kept = proposed.confidence >= np.float32(threshold)
        kept &= ~state.unsure[proposed.positions]
        if positions is not None:
            kept &= np.isin(proposed.positions, positions)
        chosen = proposed.among(kept)
        if not len(chosen):
            raise Refused(f"Round {found.number} has no candidate at {threshold:g} to check.")
        order = np.argsort(chosen.positions)
        lot = Lot(
            chosen.positions[order],
            predictions.class_ids[chosen.columns[order]],
            as_kept(chosen.confidence[order]),
        )
        about = AboutLot.CANDIDATES if positions is None else AboutLot.SELECTION
        for opened in reversed(all_audits(conn, project_id)):
            mine = opened.about is about and opened.round_id == found.id
            settled = threshold in opened.audit.terms.thresholds
            if mine and settled and opened.audit.lot.has(lot.positions, lot.class_ids).all():
                return opened
        return open_audit(
            *(conn, access, project_id, lot, about),
            target=target,
            thresholds=thresholds_from(threshold, lot.confidence),
            round_id=found.id,
        )


@dataclass(frozen=True)
class SelectionProof:
    """What is known of the labels that a selection would get.

    Attributes:
        proven: whether that is what the project asks for.
        words: it, as sentences.
        precision: at least this share is right; None where nothing is known.
        wanted: the precision that the project asks for.
    """

    proven: bool
    words: str
    precision: float | None
    wanted: float


def proof_of(
    access: Access, project_id: int, board: Board, positions: NDArray[np.int64]
) -> SelectionProof:
    """What audits, or else the holdout, say of the labels that images would get.

    Args:
        positions: (n,) of the board's proposals.
    """
    chosen = np.unique(positions)
    class_ids = np.array([each.id for each in board.classes], dtype=np.int64)
    with reading(access.engine) as conn:
        wanted = projects.find_project(conn, project_id).settings.precision
        found = evidence_for(
            conn, project_id, access.reader_id, chosen, class_ids[board.predicted[chosen]]
        )
        round_ = finished_round(conn, project_id, board.round_number)
    if found is not None:
        words = (
            f"Proven at least {at_least(found.precision)} right "
            f"({100 * found.certainty:g} %), {found.looks} looks, "
            f"{count(found.errors, 'error')}."
        )
        return SelectionProof(found.precision >= wanted, words, found.precision, wanted)
    words = f"Nothing is proven of these {count(len(chosen), 'label')}."
    right = round_.metrics.get("holdout_accuracy")
    if right is not None and round_.judged:
        words += (
            f" {round(right * round_.judged)} of {count(round_.judged, 'holdout image')} were "
            "right."
        )
    return SelectionProof(False, words, None, wanted)


def proofs_at_thresholds(
    access: Access, project_id: int, board: Board
) -> tuple[ThresholdProof, ...]:
    """What the newest audit of a round's candidates proves at each of its thresholds, ascending."""
    with reading(access.engine) as conn:
        about = [
            each
            for each in all_audits(conn, project_id)
            if each.about is AboutLot.CANDIDATES and each.round_id == board.round_id
        ]
    if not about:
        return ()
    found = audit_progress(access, project_id, about[-1].number, reading_on=True)
    return tuple(sorted(found.thresholds, key=lambda each: each.threshold))


def looks_without_error(access: Access, project_id: int, confidence: NDArray[np.floating]) -> int:
    """Looks that would prove the project's precision of labels of which nothing is known yet.

    Of an audit as it would be opened now, if no look finds an error; all of them at most.

    Args:
        confidence: (n,) calibrated, n > 0.
    """
    with reading(access.engine) as conn:
        settings = projects.find_project(conn, project_id).settings
    size = len(confidence)
    nobody = np.zeros(size, dtype=np.int64)
    audit = Audit(
        Lot(np.arange(size), nobody, as_kept(confidence)),
        Terms(0, USUAL_MIX, 1 - settings.certainty, (0.0, 1.0)),
    )
    answers = np.full(size, UNASKED, dtype=np.int8)
    allowed = allowed_errors(size, settings.precision)
    found = clean_looks(audit, audit.parts[0], answers, allowed)
    return size if found is None else found


def check_selection(
    access: Access,
    project_id: int,
    board: Board,
    chosen: Choice,
    positions: NDArray[np.int64],
) -> OpenedAudit:
    """Open an audit of what is selected at the desk, or go on with the one that is about it.

    All candidates at a threshold are one lot with higher thresholds settled beside it; anything
    narrower is a lot of its own.

    Args:
        positions: (n,) the selected images.
    """
    at_one = not chosen.per_class and chosen.coverage is None and not chosen.is_narrow
    if at_one and chosen.show is Show.CANDIDATES:
        return audit_candidates(
            access, project_id, threshold=chosen.threshold, round_number=board.round_number
        )
    return audit_candidates(
        *(access, project_id), threshold=0.0, positions=positions, round_number=board.round_number
    )


def thresholds_from(asked: float, confidence: NDArray[np.float64]) -> tuple[float, ...]:
    """The threshold that was asked about, then higher ones with equal steps of images between."""
    levels = np.quantile(confidence, np.arange(1, STEPS + 1) / (STEPS + 1))
    higher = sorted({round(float(each), 4) for each in levels if each > asked + 1e-4})
    return (asked, *higher)
