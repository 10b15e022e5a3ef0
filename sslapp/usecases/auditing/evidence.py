"""What audits prove about labels that are to be accepted together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.store import projects
from sslapp.store.errors import Refused
from sslapp.usecases.auditing.opened import AboutLot, OpenedAudit, all_audits
from sslapp.usecases.auditing.standing import standing
from sslapp.words import at_least


class Unproven(Refused):
    """Labels were to be accepted that nothing proves right to the project's precision.

    Args:
        known: what is known of them, as a sentence.
        mend: what proves them.
    """

    def __init__(self, known: str, mend: str) -> None:
        super().__init__(f"{known} {mend}")
        self.known = known


@dataclass(frozen=True)
class ProofOfSelection:
    """What an audit proves about n labels, all of which its lot has.

    Attributes:
        audit: its number.
        threshold: of the part of the lot that has them.
        precision: at least this share of the n is right; 0 where nothing is proven.
        certainty: with which that holds.
        looks, errors: answers that count for the part, and the errors among them.
    """

    audit: int
    threshold: float
    precision: float
    certainty: float
    looks: int
    errors: int

    def row(self) -> dict[str, int | float]:
        """As an acceptance keeps it."""
        return {
            "audit": self.audit,
            "threshold": self.threshold,
            "precision": round(self.precision, 6),
            "certainty": round(self.certainty, 6),
            "looks": self.looks,
            "errors": self.errors,
        }


def evidence_for(
    conn: Connection,
    project_id: int,
    positions: NDArray[np.int64],
    class_ids: NDArray[np.int64],
) -> ProofOfSelection | None:
    """The best that is proven about some labels; None where no audit's lot has them all.

    A part of a lot with at most so many wrong labels has at most so many in any selection of it, so
    what is proven of the part bounds the selection.

    Args:
        positions: (n,) ascending.
        class_ids: (n,) the labels.
    """
    if not len(positions):
        return None
    found = [
        evidence
        for opened in all_audits(conn, project_id)
        if opened.about is not AboutLot.LABELS
        and (evidence := _by(conn, project_id, opened, positions, class_ids)) is not None
    ]
    return max(found, key=lambda each: (each.precision, each.audit), default=None)


def must_be_proven(
    conn: Connection, project_id: int, positions: NDArray[np.int64], class_ids: NDArray[np.int64]
) -> ProofOfSelection:
    """What proves some labels right to the precision that the project asks for.

    Raises:
        Unproven: when nothing does, saying what is known.
    """
    wanted = projects.find_project(conn, project_id).settings.precision
    found = evidence_for(conn, project_id, positions, class_ids)
    if found is None:
        raise Unproven(
            f"Nothing is known of how many of these {len(positions):,} labels are right.",
            "Check a sample of them, or accept them unproven.",
        )
    if found.precision < wanted:
        raise Unproven(
            f"At least {at_least(found.precision)} of these {len(positions):,} labels are proven "
            f"right ({found.looks} looks, {found.errors} errors).",
            f"The project asks for {100 * wanted:g} %: look at more of audit {found.audit}, or "
            "accept them unproven.",
        )
    return found


def _by(
    conn: Connection,
    project_id: int,
    opened: OpenedAudit,
    positions: NDArray[np.int64],
    class_ids: NDArray[np.int64],
) -> ProofOfSelection | None:
    """What one audit proves; None where its lot does not have them all."""
    lot = opened.audit.lot
    rows = np.searchsorted(lot.positions, positions).clip(max=len(lot) - 1)
    same = (lot.positions[rows] == positions) & (lot.class_ids[rows] == class_ids)
    if not same.all():
        return None
    least = lot.confidence[rows].min()
    stands = standing(conn, project_id, opened)
    found = []
    terms = zip(opened.audit.terms.thresholds, opened.audit.parts, strict=True)
    for number, (threshold, part) in enumerate(terms):
        if number and threshold > least:
            continue
        proof = stands.proof_of(part)
        precision = max(1 - proof.remaining / len(positions), 0.0)
        certainty = 1 - proof.alpha
        found.append(
            ProofOfSelection(
                opened.number, threshold, precision, certainty, proof.looks, proof.errors
            )
        )
    return max(found, key=lambda each: each.precision)
