"""Which lots a certificate rests on, and what stands behind each label."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.review.audits.audit import LotPart, Proof
from sslapp.store.database import reading
from sslapp.store.log import audits
from sslapp.store.log.audits import LabelsGiven, labels_given
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.auditing.opened import AboutLot, OpenedAudit, all_audits
from sslapp.usecases.auditing.standing import AuditStanding, standing

Positions = NDArray[np.int64]


class LabelProof(StrEnum):
    """What stands behind a label."""

    BLIND = "blind"  # given singly, without sight of anything but the image
    AUDITED = "audited"  # in the lot of an audit, which bounds how many of them are wrong
    SEEN = "seen"  # given singly, not known to be blind, and in no audit
    UNPROVEN = "unproven"  # given in bulk, and in no audit


@dataclass(frozen=True, eq=False)
class InForce:
    """A lot that the certificate rests on, or the part of it that was accepted.

    Attributes:
        share: of the audit's alpha that the part has.
    """

    stands: AuditStanding
    part: LotPart
    share: float

    @cached_property
    def proof(self) -> Proof:
        """What is proven of it."""
        return self.stands.proof_of(self.part)

    def rows_of(self, positions: Positions) -> tuple[Positions, NDArray[np.bool_]]:
        """(n,) rows of the lot, and (n,) bool whether they are those images, in the part."""
        rows, there = self.stands.opened.audit.lot.rows_of(positions)
        return rows, there & self.part.members[rows]


def in_force(conn: Connection, project_id: int, given: LabelsGiven) -> list[InForce]:
    """What a certificate rests on: the newest audit of all labels, and what was accepted since.

    Lots are disjoint: one that shares an image with the first, or with a newer one, adds nothing,
    and its labels count as in no audit.
    """
    everything = all_audits(conn, project_id)
    newest = max((e.event for e in everything if e.about is AboutLot.LABELS), default=0)
    accepted = audits.accepted_by(conn, project_id)
    open_ones = given.positions[~given.blind]
    found: list[InForce] = []
    taken = np.zeros(0, dtype=np.int64)
    since = [each for each in everything if each.event >= newest]
    for opened in sorted(since, key=lambda e: (e.about is not AboutLot.LABELS, -e.event)):
        number = _accepted_part(opened, accepted.get(opened.number, []))
        part = opened.audit.parts[number]
        members = opened.audit.lot.positions[part.members]
        if not np.isin(open_ones, members).any() or np.isin(members, taken).any():
            continue
        taken = np.union1d(taken, members)
        share = opened.audit.terms.share(number) / opened.audit.terms.alpha
        found.append(InForce(standing(conn, project_id, opened), part, share))
    return found


def _accepted_part(opened: OpenedAudit, thresholds: Sequence[float]) -> int:
    """Which of an audit's parts its labels were accepted by; the whole lot unless that is known."""
    known = opened.audit.terms.thresholds
    return min((known.index(each) for each in thresholds if each in known), default=0)


def count_proofs(access: Access, project: str | int | None) -> dict[str, int]:
    """How many current labels of classes in use have each kind of proof, by its name."""
    with reading(access.engine) as conn:
        _, found = proofs_of_labels(conn, find_project(conn, access, project))
    return {each.value: int((found == each).sum()) for each in LabelProof}


def proofs_of_labels(conn: Connection, project_id: int) -> tuple[LabelsGiven, NDArray[np.object_]]:
    """What stands behind every current label of a class in use.

    Returns:
        n labels, and (n,) LabelProof of them.
    """
    given = labels_given(conn, project_id)
    found = np.where(given.in_bulk, LabelProof.UNPROVEN, LabelProof.SEEN).astype(object)
    for each in in_force(conn, project_id, given):
        found[each.rows_of(given.positions)[1]] = LabelProof.AUDITED
    found[given.blind] = LabelProof.BLIND
    return given, found
