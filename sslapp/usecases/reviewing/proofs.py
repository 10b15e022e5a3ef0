"""What is known of a round's proposals before they are accepted, and what more would take."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.review.audits.audit import UNASKED, Audit, Lot, Terms
from sslapp.review.audits.forecast import USUAL_MIX, Weighed, clean_looks, weigh
from sslapp.review.audits.overconfidence import capital
from sslapp.review.candidates import check_threshold
from sslapp.rounds.predictions import predictions_of
from sslapp.store import projects
from sslapp.store.database import reading
from sslapp.store.projects import ProjectSettings
from sslapp.store.rounds import FinishedRound, finished_round, newest_finished
from sslapp.store.state import load_state, withheld
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.auditing.evidence import audit_of, proof_by
from sslapp.usecases.auditing.opened import AboutLot, OpenedAudit, all_audits, as_kept
from sslapp.usecases.auditing.opening import allowed_errors
from sslapp.usecases.auditing.progress import ThresholdProof, threshold_proof
from sslapp.usecases.auditing.standing import AuditStanding, standing
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.reviewing.queue import Choice
from sslapp.words import at_least, count

__all__ = [
    "ProvenCurve",
    "SelectionProof",
    "Weighed",
    "better_threshold",
    "contradiction",
    "looks_without_error",
    "proof_of",
    "proven_curve",
    "weigh_candidates",
    "weigh_selection",
]

LOOKS_OF_A_CLASS = 10
"""Answers about a class from which on its own curve is worth a look."""


@dataclass(frozen=True)
class SelectionProof:
    """What is known of the labels that a selection would get.

    Attributes:
        proven: whether that is what the project asks for.
        words: it, as sentences.
        precision: at least this share is right; None where nothing is known.
        wanted: the precision that the project asks for.
        warning: what the answers say against the confidences, as sentences; "" for nothing.
        better: a higher threshold from which on the labels are proven, if these are not.
    """

    proven: bool
    words: str
    precision: float | None
    wanted: float
    warning: str = ""
    better: float | None = None


def proof_of(
    access: Access, project_id: int, board: Board, positions: NDArray[np.int64]
) -> SelectionProof:
    """What audits, or else the holdout, say of the labels that images would get.

    Args:
        positions: (n,) of the board's proposals.
    """
    chosen = np.unique(positions)
    class_ids = np.array([each.id for each in board.classes], dtype=np.int64)
    labels = class_ids[board.predicted[chosen]]
    with reading(access.engine) as conn:
        wanted = projects.find_project(conn, project_id).settings.precision
        stands = audit_of(conn, project_id, access.reader_id, chosen, labels)
        round_ = finished_round(conn, project_id, board.round_number)
    if stands is not None:
        return _by_audit(stands, board, chosen, wanted)
    words = f"Nothing is proven of these {count(len(chosen), 'label')}. {measured(round_)}"
    return SelectionProof(False, words.strip(), None, wanted)


def measured(found: FinishedRound) -> str:
    """What a round got right of the holdout, as a sentence; "" where it was not measured."""
    right = found.metrics.get("holdout_accuracy")
    if right is None or not found.judged:
        return ""
    were = "was" if found.judged == 1 else "were"
    return f"{round(right * found.judged)} of {count(found.judged, 'holdout image')} {were} right."


def _by_audit(
    stands: AuditStanding, board: Board, chosen: NDArray[np.int64], wanted: float
) -> SelectionProof:
    found = proof_by(stands, chosen)
    words = (
        f"Proven at least {at_least(found.precision)} right ({100 * found.certainty:g} %), "
        f"{found.looks} looks, {count(found.errors, 'error')}."
    )
    better = None
    if found.precision < wanted:
        better = better_threshold(stands, chosen, board.confidence[chosen], wanted)
    names = {each.id: each.name for each in board.classes}
    warning = contradiction(stands, names)
    return SelectionProof(
        found.precision >= wanted, words, found.precision, wanted, warning, better
    )


def better_threshold(
    stands: AuditStanding,
    chosen: NDArray[np.int64],
    confidence: NDArray[np.float32],
    wanted: float,
) -> float | None:
    """The lowest higher threshold of an audit that proves what is selected from there on."""
    for threshold in sorted(stands.opened.audit.terms.thresholds[1:]):
        kept = chosen[confidence >= np.float32(threshold)]
        if 0 < len(kept) < len(chosen) and proof_by(stands, kept).precision >= wanted:
            return threshold
    return None


def contradiction(stands: AuditStanding, names: Mapping[int, str]) -> str:
    """What the answers say against the confidences, as sentences; "" for nothing.

    The whole is put to the test with half of alpha, and every class of the lot with its share of
    the other half; of several classes that fail the worst is named.

    Args:
        names: class id -> name.
    """
    audit = stands.opened.audit
    errors = stands.looks(stands.whole).errors
    rows = audit.first_rows(stands.whole, len(errors))
    confidence, classes = audit.lot.confidence[rows], audit.lot.class_ids[rows]
    level = 2 / audit.terms.alpha
    said = []
    if capital(confidence, errors) >= level:
        said.append(_too_high(confidence, errors))
    each_of = {
        int(each): capital(confidence[classes == each], errors[classes == each])
        for each in np.unique(classes)
    }
    worst = max(each_of, key=each_of.__getitem__, default=None)
    if worst is not None and each_of[worst] >= level * len(np.unique(audit.lot.class_ids)):
        mine = classes == worst
        said.append(f"{names[worst]}: {_too_high(confidence[mine], errors[mine])}")
    return " ".join(said)


def _too_high(confidence: NDArray[np.float64], errors: NDArray[np.bool_]) -> str:
    return (
        f"{count(int(errors.sum()), 'error')} in {count(len(errors), 'look')}, where the "
        f"confidences promised {(1 - confidence).sum():.1f}: they are too high."
    )


@dataclass(frozen=True)
class ProvenCurve:
    """What an audit of a round's candidates proves at its thresholds.

    Attributes:
        thresholds: ascending.
        classes: ids of the classes with answers enough for a curve of their own.
    """

    thresholds: tuple[ThresholdProof, ...]
    classes: tuple[int, ...] = ()


def proven_curve(
    access: Access, project_id: int, board: Board, class_id: int | None = None
) -> ProvenCurve:
    """What the newest audit of a round's candidates proves at each of its thresholds.

    Args:
        class_id: of one class alone. The classes and thresholds share alpha, so that all of their
            curves hold together.
    """
    with reading(access.engine) as conn:
        opened = _newest_of(conn, project_id, board)
        if opened is None:
            return ProvenCurve(())
        stands = standing(conn, project_id, opened, hidden_from=access.reader_id)
    audit = opened.audit
    rows = audit.first_rows(stands.whole, len(stands.looks(stands.whole)))
    seen, looks = np.unique(audit.lot.class_ids[rows], return_counts=True)
    classes = tuple(seen[looks >= LOOKS_OF_A_CLASS].tolist())
    if class_id is None:
        whole = zip(audit.terms.thresholds, audit.parts, strict=True)
        proofs = [(threshold, stands.proof_of(part)) for threshold, part in whole]
        shown = [threshold_proof(proof, each, 1 - proof.alpha) for each, proof in proofs]
        return ProvenCurve(tuple(sorted(shown, key=lambda each: each.threshold)), classes)
    levels = sorted(audit.terms.thresholds)
    alpha = audit.terms.alpha / len(levels) / len(np.unique(audit.lot.class_ids))
    found = []
    for threshold in levels:
        members = (audit.lot.class_ids == class_id) & (audit.lot.confidence >= threshold)
        if members.any():
            proof = stands.proof_of(audit.part(members, alpha))
            found.append(threshold_proof(proof, threshold, 1 - audit.terms.alpha))
    return ProvenCurve(tuple(found), classes)


def _newest_of(conn: Connection, project_id: int, board: Board) -> OpenedAudit | None:
    about = (
        each
        for each in reversed(all_audits(conn, project_id))
        if each.about is AboutLot.CHALLENGERS and each.round_id == board.round_id
    )
    return next(about, None)


def looks_without_error(access: Access, project_id: int, confidence: NDArray[np.floating]) -> int:
    """Looks that would prove the project's precision of labels of which nothing is known yet.

    Of an audit as it would be opened now, if no look finds an error; all of them at most.

    Args:
        confidence: (n,) calibrated, n > 0.
    """
    with reading(access.engine) as conn:
        settings = projects.find_project(conn, project_id).settings
    lot = _lot(confidence)
    audit = Audit(lot, Terms(0, USUAL_MIX, 1 - settings.certainty, (0.0, 1.0)))
    answers = np.full(len(lot), UNASKED, dtype=np.int8)
    allowed = allowed_errors(len(lot), settings.precision)
    found = clean_looks(audit, audit.parts[0], answers, allowed)
    return len(lot) if found is None else found


def weigh_candidates(
    access: Access,
    project: str | int | None,
    *,
    threshold: float = 0.0,
    target: float | None = None,
) -> Weighed:
    """Whether naming the newest round's least confident candidates first makes their proof cheaper.

    Args:
        threshold: least calibrated confidence of a candidate.
        target: the precision to prove; default: the project's.

    Raises:
        NotFinished: when there is no finished round.
        ValueError: when the threshold is not from 0 to 1.
    """
    check_threshold(threshold)
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        settings = projects.find_project(conn, project_id).settings
        found = finished_round(conn, project_id)
        state = load_state(conn, project_id)
        off = withheld(conn, project_id, found.id)
    proposed = predictions_of(access.workspace, found, state).candidates(state, off)
    kept = proposed.confidence[proposed.confidence >= np.float32(threshold)]
    return _weighed(kept, settings, target)


def weigh_selection(access: Access, project_id: int, board: Board, chosen: Choice) -> Weighed:
    """The same for what is selected at the desk; it names nothing where an audit of it is open, or
    the round is not the newest, which alone says what is doubtful now."""
    with reading(access.engine) as conn:
        settings = projects.find_project(conn, project_id).settings
        opened = _newest_of(conn, project_id, board)
        newest = newest_finished(conn, project_id)
    settled = () if opened is None else opened.audit.terms.thresholds
    other = newest is None or newest.number != board.round_number
    if other or chosen.threshold in settled or not chosen.is_all_candidates:
        return Weighed(0, 0, 0)
    return _weighed(board.candidates(chosen.rule(board)).confidence, settings)


def _weighed(
    confidence: NDArray[np.floating], settings: ProjectSettings, target: float | None = None
) -> Weighed:
    if not len(confidence):
        return Weighed(0, 0, 0)
    wanted = settings.precision if target is None else target
    alpha = round(1 - settings.certainty, 12)
    return weigh(_lot(confidence), alpha, allowed_errors(len(confidence), wanted))


def _lot(confidence: NDArray[np.floating]) -> Lot:
    """A lot of so many labels, for what depends on their confidences alone."""
    size = len(confidence)
    return Lot(np.arange(size), np.zeros(size, dtype=np.int64), as_kept(confidence))
