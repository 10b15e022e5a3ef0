"""An event and its place in the hash chain.

hash = sha256(prev_hash || canonical JSON of everything else). Whoever knows the newest hash can
prove that no earlier event was changed, dropped, added or moved.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row

from sslapp.store.integrity.canonical import canonical
from sslapp.vocabulary import EventKind

GENESIS = "0" * 64
"""The hash before a project's first event."""

_STORED = np.dtype("<i8")
_PLAIN = (
    *("project_id", "number", "kind", "reader_id", "key", "position", "class_id", "round_id"),
    *("target", "payload"),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Event:
    """One immutable decision or fact.

    Attributes:
        project_id, number: the event's name; numbers are dense from 1 in a project.
        at: UTC, naive, microseconds.
        kind: what happened.
        reader_id: who decided; None for the program itself.
        key: the client-made idempotency key.
        position, class_id, round_id: what it is about.
        target: number of the event that an undo undoes.
        payload: further facts, JSON.
        members: bulk: (n,) int64 sorted positions.
        member_classes: (n,) int64 class ids in that order; of one image, those it is none of.
        prev_hash, hash: the chain.
    """

    project_id: int
    number: int
    at: datetime
    kind: EventKind
    reader_id: int | None
    key: str
    position: int | None
    class_id: int | None
    round_id: int | None
    target: int | None
    payload: Mapping[str, Any]
    members: NDArray[np.int64] | None
    member_classes: NDArray[np.int64] | None
    prev_hash: str
    hash: str = ""

    def row(self) -> dict[str, object]:
        """The event as the columns of its table."""
        return {
            **self.__dict__,
            "kind": self.kind.value,
            "payload": canonical(self.payload),
            "members": pack(self.members),
            "member_classes": pack(self.member_classes),
        }

    def same_decision(self, other: "Event") -> bool:
        """Whether both say the same, whenever and with whatever number they were stored."""
        placed = {"number", "at", "prev_hash", "hash"}
        mine, theirs = self.row(), other.row()
        return all(mine[name] == theirs[name] for name in mine.keys() - placed)


def pack(array: NDArray[np.int64] | None) -> bytes | None:
    """An (n,) array as little-endian int64 bytes."""
    return None if array is None else np.ascontiguousarray(array, dtype=_STORED).tobytes()


def unpack(stored: bytes | None) -> NDArray[np.int64] | None:
    """The (n,) int64 array that `pack` stored."""
    return None if stored is None else np.frombuffer(stored, dtype=_STORED).astype(np.int64)


def hash_row(row: Mapping[str, Any]) -> str:
    """The hash that an event row (columns of the event table) must carry, in hex."""
    content = {name: row[name] for name in _PLAIN}
    content["at"] = row["at"].isoformat(timespec="microseconds") + "Z"
    for name in ("members", "member_classes"):
        content[name] = _digest(row[name])
    return hashlib.sha256((row["prev_hash"] + canonical(content)).encode()).hexdigest()


def from_row(row: Row[Any]) -> Event:
    """The event that a row of the event table holds."""
    columns = dict(row._mapping)
    columns["kind"] = EventKind(columns["kind"])
    columns["payload"] = json.loads(columns["payload"])
    columns["members"] = unpack(columns["members"])
    columns["member_classes"] = unpack(columns["member_classes"])
    return Event(**columns)


def now() -> datetime:
    """The present moment as the database stores it: UTC, naive, microseconds."""
    return datetime.now(UTC).replace(tzinfo=None)


def _digest(stored: bytes | None) -> dict[str, object] | None:
    if stored is None:
        return None
    return {"count": len(stored) // _STORED.itemsize, "sha256": hashlib.sha256(stored).hexdigest()}
