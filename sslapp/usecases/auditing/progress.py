"""How far an audit is, for pages and the command line: what is proven, and what it still takes."""

from dataclasses import dataclass

from sslapp.review.audits.forecast import forecast
from sslapp.store.database import reading
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.auditing.opened import AboutLot, find_audit
from sslapp.usecases.auditing.opening import allowed_errors
from sslapp.usecases.auditing.standing import AuditStanding, standing


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
        target: the precision that it was opened to prove.
        proven: whether it is.
        expected: looks that are expected until then; None where all of them would not prove it.
        thresholds: what is proven at each of its thresholds; the first is the whole lot.
    """

    audit: int
    about: AboutLot
    images: int
    answered: int
    target: float
    proven: bool
    expected: int | None
    thresholds: tuple[ThresholdProof, ...]

    @property
    def whole(self) -> ThresholdProof:
        """What is proven about the lot."""
        return self.thresholds[0]


def audit_progress(
    access: Access, project: str | int | None, audit: int | None = None
) -> AuditProgress:
    """How an audit stands; default: the newest.

    Raises:
        Refused: when there is no such audit.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        return _progress(standing(conn, project_id, find_audit(conn, project_id, audit)))


def at_most_wrong(access: Access, project: str | int | None, audit: int | None = None) -> int:
    """The most wrong labels that a lot still has; default: that of the newest audit."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = standing(conn, project_id, find_audit(conn, project_id, audit))
        return found.proof.remaining


def _progress(found: AuditStanding) -> AuditProgress:
    opened = found.opened
    target, proofs, expected = opened.target, [], None
    parts = zip(opened.audit.terms.thresholds, opened.audit.parts, strict=True)
    for threshold, part in parts:
        proof = found.proof_of(part)
        allowed = allowed_errors(proof.size, target)
        ahead = forecast(opened.audit, part, found.answers, allowed)
        if part is found.whole:
            expected = ahead.expected
        proofs.append(
            ThresholdProof(
                threshold=threshold,
                images=proof.size,
                looks=proof.looks,
                errors=proof.errors,
                mended=proof.mended,
                precision=proof.precision,
                certainty=1 - proof.alpha,
                further=ahead.without_error,
            )
        )
    return AuditProgress(
        audit=opened.number,
        about=opened.about,
        images=len(opened.audit.lot),
        answered=found.answered,
        target=target,
        proven=proofs[0].precision >= target,
        expected=expected,
        thresholds=tuple(proofs),
    )
