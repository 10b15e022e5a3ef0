"""How far an audit is, for pages and the command line: what is proven, and what it still takes."""

from dataclasses import dataclass

from sslapp.review.audits.audit import Proof
from sslapp.review.audits.forecast import clean_looks, expected_looks, expected_wrong
from sslapp.store import rounds
from sslapp.store.database import reading
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.auditing.in_force import LabelProof, proofs_of_labels
from sslapp.usecases.auditing.opened import AboutLot, all_audits, find_audit
from sslapp.usecases.auditing.opening import allowed_errors
from sslapp.usecases.auditing.standing import AuditStanding, standing
from sslapp.words import at_least, count

UNCHECKED = "Some labels were not given singly and blind, and are in no audit: check them."

MEND_FIRST = (
    "Mend first: more wrong labels are expected than the target leaves room for. Label the least "
    "confident images, or train another round, and check then."
)

ROOM = 0.7
"""Of the wrong labels that a target allows: an audit of more of them goes on for long."""


@dataclass(frozen=True)
class ThresholdProof:
    """What is proven about the images of a lot from a confidence on.

    Attributes:
        images, looks, errors, mended: as in review.audits.audit.Proof.
        precision: at least this share of its labels is right, mended ones included.
        certainty: with which that holds.
        further: looks without an error that would prove the target; None: not even all of them.
    """

    threshold: float
    images: int
    looks: int
    errors: int
    mended: int
    precision: float
    certainty: float
    further: int | None


@dataclass(frozen=True)
class AuditProgress:
    """How an audit stands.

    Attributes:
        audit: its number.
        about: what its lot was made of.
        images: of the lot.
        answered: of them, in whatever order.
        target: the precision that it is to prove.
        proven: whether it is.
        expected: looks that are expected until then; None where all of them would not prove it.
        mend_first: whether another minute is better spent on naming the least confident images, or
            on another round: more wrong labels are expected than the target leaves room for.
        thresholds: what is proven at each of its thresholds; the first is the whole lot.
    """

    audit: int
    about: AboutLot
    images: int
    answered: int
    target: float
    proven: bool
    expected: int | None
    mend_first: bool
    thresholds: tuple[ThresholdProof, ...]

    @property
    def whole(self) -> ThresholdProof:
        """What is proven about the lot."""
        return self.thresholds[0]


@dataclass(frozen=True)
class KnownAudit:
    """An audit as a list names it.

    Attributes:
        number: 1, 2, ... in the project.
        about: what its lot was made of.
        round_number: of the round that proposed its labels; None for an audit of labels.
        images: of the lot.
        threshold: least confidence of its images.
    """

    number: int
    about: AboutLot
    round_number: int | None
    images: int
    threshold: float


def known_audits(access: Access, project: str | int | None) -> list[KnownAudit]:
    """The project's audits, newest first."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        numbers = {each.id: each.number for each in rounds.all_rounds(conn, project_id)}
        return [
            KnownAudit(
                number=each.number,
                about=each.about,
                round_number=None if each.round_id is None else numbers.get(each.round_id),
                images=len(each.audit.lot),
                threshold=each.audit.terms.thresholds[0],
            )
            for each in reversed(all_audits(conn, project_id))
        ]


def audit_progress(
    access: Access,
    project: str | int | None,
    audit: int | None = None,
    *,
    reading_on: bool = False,
    target: float | None = None,
) -> AuditProgress:
    """How an audit stands; default: the newest.

    Args:
        reading_on: for a reader at the audit's page, who may still take their last answer back:
            without it, until every image was answered.
        target: another precision than the one that it was opened to prove.

    Raises:
        Refused: when there is no such audit.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        opened = find_audit(conn, project_id, audit)
        hidden_from = access.reader_id if reading_on else None
        found = standing(conn, project_id, opened, hidden_from=hidden_from)
        return _progress(found, opened.target if target is None else target)


def stop_advice(access: Access, project: str | int | None) -> str:
    """What more looks would add to the certificate; "" where there are no labels to prove."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        about = [e for e in all_audits(conn, project_id) if e.about is AboutLot.LABELS]
        if not about:
            _, proofs = proofs_of_labels(conn, project_id)
            proven = (proofs == LabelProof.BLIND) | (proofs == LabelProof.AUDITED)
            return "" if proven.all() else UNCHECKED
        found = _progress(standing(conn, project_id, about[-1]), about[-1].target)
    target = at_least(found.target)
    if found.answered == found.images:
        return "Every label of the audit was looked at: more looks change nothing."
    if found.proven:
        return f"{target} of the audit's labels are proven: labelling more no longer changes that."
    if found.mend_first or found.expected is None:
        return MEND_FIRST
    return f"About {count(found.expected, 'more look')} would certify {target}."


def at_most_wrong(access: Access, project: str | int | None, audit: int | None = None) -> int:
    """The most wrong labels that a lot still has; default: that of the newest audit."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = standing(conn, project_id, find_audit(conn, project_id, audit))
        return found.proof.remaining


def threshold_proof(
    proof: Proof, threshold: float, certainty: float, further: int | None = None
) -> ThresholdProof:
    """What is proven about a part, as it is shown."""
    return ThresholdProof(
        threshold=threshold,
        images=proof.size,
        looks=proof.looks,
        errors=proof.errors,
        mended=proof.mended,
        precision=proof.precision,
        certainty=certainty,
        further=further,
    )


def _progress(found: AuditStanding, target: float) -> AuditProgress:
    opened, audit = found.opened, found.opened.audit
    proofs = []
    for threshold, part in zip(audit.terms.thresholds, audit.parts, strict=True):
        proof = found.proof_of(part)
        further = clean_looks(audit, part, found.answers, allowed_errors(proof.size, target))
        proofs.append(threshold_proof(proof, threshold, 1 - proof.alpha, further))
    allowed = allowed_errors(proofs[0].images, target)
    expected = expected_looks(audit, found.whole, found.answers, allowed)
    wrong = expected_wrong(audit, found.whole, found.answers)
    room = ROOM * allowed
    return AuditProgress(
        audit=opened.number,
        about=opened.about,
        images=len(opened.audit.lot),
        answered=found.answered,
        target=target,
        proven=proofs[0].precision >= target,
        expected=expected,
        mend_first=wrong is not None and wrong > room and proofs[0].precision < target,
        thresholds=tuple(proofs),
    )
