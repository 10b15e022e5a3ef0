"""What audits prove about labels that are to be accepted together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.store import projects
from sslapp.store.errors import Refused
from sslapp.usecases.auditing.opened import AboutLot, all_audits
from sslapp.usecases.auditing.standing import AuditStanding, standing
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
        certainty: with which all that the audit says holds.
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
    reader_id: int,
    positions: NDArray[np.int64],
    class_ids: NDArray[np.int64],
) -> ProofOfSelection | None:
    """What is proven about some labels; None where no audit's lot has them all.

    Args:
        reader_id: who asks; their last answer is left out while they may take it back.
        positions: (n,) ascending.
        class_ids: (n,) the labels.
    """
    found = audit_of(conn, project_id, reader_id, positions, class_ids)
    return None if found is None else proof_by(found, positions)


def audit_of(
    conn: Connection,
    project_id: int,
    reader_id: int,
    positions: NDArray[np.int64],
    class_ids: NDArray[np.int64],
) -> AuditStanding | None:
    """The audit whose lot has some labels, the newest: the best of several would be wrong more
    often than any one says. Arguments as for `evidence_for`."""
    if not len(positions):
        return None
    for opened in reversed(all_audits(conn, project_id)):
        if opened.about is AboutLot.LABELS or not opened.audit.lot.has(positions, class_ids).all():
            continue
        return standing(conn, project_id, opened, hidden_from=reader_id)
    return None


def proof_by(stands: AuditStanding, positions: NDArray[np.int64]) -> ProofOfSelection:
    """What an audit proves about labels that its lot has, by the part that says most of them.

    A part of a lot with at most so many wrong labels has at most so many in any selection of it, so
    what is proven of the part bounds the selection.
    """
    audit = stands.opened.audit
    rows, _ = audit.lot.rows_of(positions)
    found = []
    for threshold, part in zip(audit.terms.thresholds, audit.parts, strict=True):
        if not part.members[rows].all():
            continue
        proof = stands.proof_of(part)
        found.append(
            ProofOfSelection(
                audit=stands.opened.number,
                threshold=threshold,
                precision=max(1 - proof.remaining / len(positions), 0.0),
                certainty=1 - audit.terms.alpha,  # the parts' shares of it make them hold together
                looks=proof.looks,
                errors=proof.errors,
            )
        )
    return max(found, key=lambda each: each.precision)


def must_be_proven(
    conn: Connection,
    project_id: int,
    reader_id: int,
    positions: NDArray[np.int64],
    class_ids: NDArray[np.int64],
) -> ProofOfSelection:
    """What proves some labels right to the precision that the project asks for.

    Raises:
        Unproven: when nothing does, saying what is known.
    """
    wanted = projects.find_project(conn, project_id).settings.precision
    found = evidence_for(conn, project_id, reader_id, positions, class_ids)
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
