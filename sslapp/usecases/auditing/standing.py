"""How an audit stands: which images of its lot were answered, and what is proven by now."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.review.audits.audit import AS_SAID, ERROR, UNASKED, LotPart, Proof
from sslapp.review.audits.bound import Looks
from sslapp.store.errors import Refused
from sslapp.store.log import audits, events
from sslapp.store.log.audits import BlindAnswer
from sslapp.usecases.auditing.opened import OpenedAudit

KEPT = 8
"""Standings that a process keeps: one request asks for the same several times."""


@dataclass(frozen=True, eq=False)
class AuditStanding:
    """An audit with its answers.

    Attributes:
        opened: the audit.
        answers: (N,) int8 codes of its lot's rows, see review.audits.audit.
        first: row of the lot -> the answer that counts, the first that was not taken back at once.
    """

    opened: OpenedAudit
    answers: NDArray[np.int8]
    first: Mapping[int, BlindAnswer]

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
        rows, there = self.opened.audit.lot.rows_of(np.array([position], dtype=np.int64))
        if not there[0]:
            raise Refused(f"Image {position} is not in the lot of audit {self.opened.number}.")
        return int(rows[0])

    @property
    def answered(self) -> int:
        """Images of the lot that were answered, in whatever order."""
        return int((self.answers != UNASKED).sum())


def standing(
    conn: Connection, project_id: int, opened: OpenedAudit, *, hidden_from: int | None = None
) -> AuditStanding:
    """Read how an audit stands.

    An answer counts wherever it was given: on an audit's page, or on the page for labelling.

    Args:
        hidden_from: a reader who may still take their last answer back: it is left out until every
            image was answered, or what they are shown would say whether it was an error.
    """
    key = (events.head(conn, project_id)[1], opened.event, hidden_from)
    with _lock:  # the newest event's hash says all that was answered
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    found = _read(conn, project_id, opened, hidden_from)
    with _lock:
        _kept[key] = found
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return found


_kept: OrderedDict[tuple[str, int, int | None], AuditStanding] = OrderedDict()
_lock = Lock()


def _read(
    conn: Connection, project_id: int, opened: OpenedAudit, hidden_from: int | None
) -> AuditStanding:
    lot = opened.audit.lot
    heard = [
        each for each in audits.blind_answers(conn, project_id, opened.event) if not each.taken_back
    ]
    rows, there = lot.rows_of(np.array([each.position for each in heard], dtype=np.int64))
    first: dict[int, BlindAnswer] = {}
    for each, row, inside in zip(heard, rows.tolist(), there.tolist(), strict=True):
        if inside:
            first.setdefault(row, each)
    if hidden_from is not None and len(first) < len(lot):
        mine = [row for row, each in first.items() if each.reader_id == hidden_from]
        first.pop(max(mine, key=lambda row: first[row].number, default=-1), None)
    answers = np.full(len(lot), UNASKED, dtype=np.int8)
    for row, each in first.items():
        answers[row] = AS_SAID if each.class_id == lot.class_ids[row] else ERROR
    return AuditStanding(opened, answers, first)
