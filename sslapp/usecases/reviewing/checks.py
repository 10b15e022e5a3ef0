"""Checking a sample of what a round proposes before it is accepted."""

import numpy as np
from numpy.typing import NDArray

from sslapp.review.audits.audit import Lot
from sslapp.review.candidates import DEFAULT_THRESHOLD, check_threshold
from sslapp.rounds.predictions import predictions_of
from sslapp.store.database import writing
from sslapp.store.errors import Refused
from sslapp.store.rounds import finished_round
from sslapp.store.state import load_state, withheld
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.auditing.opened import AboutLot, OpenedAudit, all_audits, as_kept
from sslapp.usecases.auditing.opening import open_audit
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.reviewing.queue import Choice

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
        ValueError: when the threshold is not from 0 to 1.
    """
    check_threshold(threshold)
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
        about = AboutLot.CHALLENGERS if positions is None else AboutLot.SELECTION
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
    if chosen.is_all_candidates:
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
