"""An audit as the event that opened it keeps it: lot, confidences, seed and terms."""

import base64
import binascii
import hashlib
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.review.audits.audit import Audit, Lot, Terms
from sslapp.store.errors import Refused
from sslapp.store.log import audits
from sslapp.store.log.chain import Event

KEPT = 32
"""Audits that a process keeps, with their queues: one of a million images takes half a second."""

STEPS = 65_535
"""A confidence is kept in so many steps; what is drawn follows from what is kept."""


class AboutLot(StrEnum):
    """What a lot was made of."""

    LABELS = "labels"  # every label that nobody gave singly and blind
    CHALLENGERS = "candidates"  # what a round proposes above a threshold
    SELECTION = "selection"  # of these, what a reader chose


@dataclass(frozen=True, eq=False)
class OpenedAudit:
    """An audit.

    Attributes:
        number: 1, 2, ... in the project.
        event: number of the event that opened it; answers come later.
        about: what its lot was made of.
        round_id: of the round that proposed the labels, if one did.
        target: the precision that it was opened to prove.
        audit: its queue and parts.
    """

    number: int
    event: int
    about: AboutLot
    round_id: int | None
    target: float
    audit: Audit


def payload_of(lot: Lot, terms: Terms, about: AboutLot, target: float) -> dict[str, Any]:
    """What an opening event keeps besides the lot's images and classes."""
    return {
        "about": about.value,
        "alpha": terms.alpha,
        "confidence": _packed(lot.confidence),
        "mix": terms.mix,
        "seed": terms.seed,
        "target": target,
        "thresholds": list(terms.thresholds),
        "weights": weights_digest(Audit(lot, terms).weight),
    }


def as_kept(confidence: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N,) confidences in the steps that an event keeps, rounded down."""
    steps = np.floor(np.asarray(confidence, dtype=np.float64) * STEPS + 1e-6)
    return np.clip(steps, 0, STEPS) / STEPS


def weights_digest(weight: NDArray[np.float64]) -> str:
    """sha256 of (N,) weights as little-endian float64."""
    return hashlib.sha256(np.ascontiguousarray(weight, dtype="<f8").tobytes()).hexdigest()


def from_event(made: Event) -> tuple[Lot, Terms]:
    """Lot and terms of an opening event.

    Raises:
        Refused: when its payload does not fit its lot.
    """
    assert made.members is not None and made.member_classes is not None
    said = made.payload
    confidence = _unpacked(said)
    if len(confidence) != len(made.members):
        raise Refused(f"Event {made.number}: {len(confidence)} confidences for its images.")
    lot = Lot(made.members, made.member_classes, confidence)
    terms = Terms(said["seed"], said["mix"], said["alpha"], tuple(said["thresholds"]))
    return lot, terms


def find_audit(conn: Connection, project_id: int, number: int | None = None) -> OpenedAudit:
    """An audit by its number; default: the newest.

    Raises:
        Refused: when there is none.
    """
    rows = audits.opened(conn, project_id)
    if not rows:
        raise Refused("No audit was opened yet.")
    if number is not None and not 1 <= number <= len(rows):
        raise Refused(f"There is no audit {number}: the project has 1 to {len(rows)}.")
    return _opened(conn, project_id, rows, number or len(rows))


def all_audits(conn: Connection, project_id: int) -> list[OpenedAudit]:
    """Every audit of a project, oldest first."""
    rows = audits.opened(conn, project_id)
    return [_opened(conn, project_id, rows, number) for number in range(1, len(rows) + 1)]


def other_weights(conn: Connection, project_id: int) -> Iterator[str]:
    """Audits whose weights are not those that were settled before their seed was drawn."""
    for each in all_audits(conn, project_id):
        said = audits.opening(conn, project_id, each.event).payload["weights"]
        if weights_digest(each.audit.weight) != said:
            yield f"Audit {each.number}: its weights are not those that its event names."


_kept: OrderedDict[str, OpenedAudit] = OrderedDict()
_lock = Lock()


def _opened(conn: Connection, project_id: int, rows: Any, number: int) -> OpenedAudit:
    row = rows[number - 1]
    with _lock:  # an event's hash says all that the audit is made of
        if row.hash in _kept:
            _kept.move_to_end(row.hash)
            return _kept[row.hash]
    made = audits.opening(conn, project_id, row.number)
    lot, terms = from_event(made)
    found = OpenedAudit(
        number=number,
        event=made.number,
        about=AboutLot(made.payload["about"]),
        round_id=made.round_id,
        target=made.payload["target"],
        audit=Audit(lot, terms),
    )
    with _lock:
        _kept[row.hash] = found
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return found


def _packed(confidence: NDArray[np.floating]) -> str:
    steps = np.rint(confidence * STEPS).astype("<u2")
    return base64.b64encode(zlib.compress(steps.tobytes(), 9)).decode()


def _unpacked(said: Mapping[str, Any]) -> NDArray[np.float64]:
    try:
        stored = zlib.decompress(base64.b64decode(said["confidence"], validate=True))
    except (binascii.Error, zlib.error) as error:
        raise Refused(f"The confidences of an audit cannot be read: {error}.") from None
    return np.frombuffer(stored, dtype="<u2").astype(np.float64) / STEPS
