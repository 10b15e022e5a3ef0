"""How an audit stands: which images of its lot were answered, and what is proven by now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.review.audits.audit import AS_SAID, ERROR, UNASKED, LotPart, Proof
from sslapp.review.audits.bound import Looks
from sslapp.store.errors import Refused
from sslapp.store.log import audits
from sslapp.store.log.audits import BlindAnswer
from sslapp.usecases.auditing.opened import OpenedAudit


@dataclass(frozen=True, eq=False)
class AuditStanding:
    """An audit with its answers.

    Attributes:
        opened: the audit.
        answers: (N,) int8 codes of its lot's rows, see review.audits.audit.
        first: row of the lot -> the answer that counts, the first that was not taken back at once.
        given: reader id -> how many answers they gave in it.
    """

    opened: OpenedAudit
    answers: NDArray[np.int8]
    first: Mapping[int, BlindAnswer]
    given: Mapping[int, int] = field(default_factory=dict)

    @property
    def whole(self) -> LotPart:
        """The part that is the lot."""
        return self.opened.audit.parts[0]

    @cached_property
    def proof(self) -> Proof:
        """What is proven about the lot."""
        return self.proof_of(self.whole)

    def proof_of(self, part: LotPart) -> Proof:
        """What is proven about a part of it."""
        return self.opened.audit.proof(part, self.answers)

    def looks(self, part: LotPart) -> Looks:
        """The answers that count for a part, in the order of the queue."""
        return self.opened.audit.draws(part, self.answers)

    def row_of(self, position: int) -> int:
        """The row of the lot that an image is.

        Raises:
            Refused: when it is not in the lot.
        """
        lot = self.opened.audit.lot
        row = int(np.searchsorted(lot.positions, position))
        if row == len(lot) or lot.positions[row] != position:
            raise Refused(f"Image {position} is not in the lot of audit {self.opened.number}.")
        return row

    @property
    def answered(self) -> int:
        """Images of the lot that were answered, in whatever order."""
        return int((self.answers != UNASKED).sum())

    @property
    def complete(self) -> bool:
        """Whether every image of the lot was answered."""
        return self.answered == len(self.answers)


def standing(
    conn: Connection, project_id: int, opened: OpenedAudit, *, hidden_from: int | None = None
) -> AuditStanding:
    """Read how an audit stands.

    An answer counts wherever it was given: on an audit's page, or on the page for labelling.

    Args:
        hidden_from: a reader who may still take their last answer back: it is left out, or what
            the page shows would say whether it was an error.
    """
    lot = opened.audit.lot
    first: dict[int, BlindAnswer] = {}
    given: dict[int, int] = {}
    for each in audits.blind_answers(conn, project_id, opened.event):
        row = int(np.searchsorted(lot.positions, each.position))
        if row == len(lot) or lot.positions[row] != each.position or each.taken_back:
            continue
        if row not in first:
            first[row] = each
            given[each.reader_id] = given.get(each.reader_id, 0) + 1
    if hidden_from is not None:
        mine = {row: each for row, each in first.items() if each.reader_id == hidden_from}
        first.pop(max(mine, key=lambda row: mine[row].number, default=-1), None)
    answers = np.full(len(lot), UNASKED, dtype=np.int8)
    for row, each in first.items():
        answers[row] = AS_SAID if each.class_id == lot.class_ids[row] else ERROR
    return AuditStanding(opened, answers, first, given)
