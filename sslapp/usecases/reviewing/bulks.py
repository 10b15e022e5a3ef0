"""Bulk decisions on a selection of the board: one event each, and what became of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from sslapp.store.database import reading
from sslapp.store.log import events
from sslapp.store.log.chain import Event
from sslapp.store.log.kinds import kinds_where, rule_of
from sslapp.store.schema import event, label_class, undone
from sslapp.usecases.access import Access, require
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.reviewing.queue import Choice
from sslapp.vocabulary import EventKind


class BulkAction(StrEnum):
    """What a reader does with a whole selection."""

    ACCEPT = "accept"
    WITHHOLD = "withhold"
    RELABEL = "relabel"


@dataclass(frozen=True)
class Done:
    """A bulk decision that was stored.

    Attributes:
        decided_meanwhile: images of the selection that another decision had taken out of the
            pool since the reader's board was read; they are not in the event.
    """

    event: Event
    images: int
    decided_meanwhile: int


def decide(
    access: Access,
    project_id: int,
    positions: NDArray[np.int64],
    action: BulkAction,
    *,
    choice: Choice,
    seen: Board,
    now: Board,
    class_name: str | None = None,
    excluded: Sequence[int] = (),
    opened: int = 0,
    key: str | None = None,
) -> Done:
    """Store one decision about a selection.

    Args:
        positions: (n,) what `choice` selected on `seen`.
        seen: the board that the reader selected on.
        now: the board as it stands; images decided since `seen` are left out.
        class_name: the class of a relabel.
        excluded: single images that the reader took out of the selection.
        opened: images looked at one by one for it.
        key: made by the client; the same one again gives the event that it made.

    Raises:
        ValueError: when nothing is left to decide, or the decision is refused.
        KeyReused: when the key was used for another decision.
    """
    wanted = np.setdiff1d(positions, np.asarray(excluded, dtype=np.int64))
    open_now = wanted if seen is now else np.intersect1d(wanted, now.proposals.positions)
    if key is not None and (before := _stored(access, project_id, key)) is not None:
        assert before.members is not None
        # what it decided has left the list since, so a repetition may select less
        lacking = np.setdiff1d(before.members, wanted)
        same = not np.isin(lacking, seen.proposals.positions).any()
        if not same or len(np.setdiff1d(open_now, before.members)):
            raise events.reused(before)
        open_now = before.members
        wanted = np.union1d(wanted, open_now)
    if len(open_now) == 0:
        raise ValueError("Nothing is selected that could be decided. Select other images.")
    about = {
        "round_number": seen.round_number,
        "opened": opened,
        "payload": choice.payload(seen),
        "key": key,
    }
    if action is BulkAction.ACCEPT:
        made = bulk_decisions.bulk_accept(access, project_id, open_now, **about)  # type: ignore[arg-type]
    elif action is BulkAction.WITHHOLD:
        made = bulk_decisions.withhold(access, project_id, open_now, **about)  # type: ignore[arg-type]
    else:
        if class_name is None:
            raise ValueError("Relabelling needs a class. Choose one.")
        made = bulk_decisions.bulk_relabel(access, project_id, open_now, class_name, **about)  # type: ignore[arg-type]
    return Done(made, len(open_now), len(wanted) - len(open_now))


def _stored(access: Access, project_id: int, key: str) -> Event | None:
    """The bulk decision that the key made before, if any."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        found = events.find(conn, project_id, key)
    if found is not None and found.members is None:
        raise events.reused(found)
    return found


@dataclass(frozen=True)
class PastBulk:
    """A bulk decision of the reader.

    Attributes:
        number: of its event.
        class_name: of a relabel.
        undone: whether an undo took it back.
    """

    number: int
    kind: EventKind
    at: datetime
    images: int
    round_number: int | None
    class_name: str | None
    undone: bool

    @property
    def verb(self) -> str:
        """What was done with the images, as a sentence begins with it."""
        return rule_of(self.kind).past


def own_bulks(access: Access, project_id: int, limit: int = 5) -> list[PastBulk]:
    """The reader's newest bulk decisions, newest first."""
    query = (
        select(
            event.c.number,
            event.c.kind,
            event.c.at,
            event.c.payload,
            func.length(event.c.members).label("bytes"),
            label_class.c.name,
            undone.c.number.label("undone"),
        )
        .join(label_class, label_class.c.id == event.c.class_id, isouter=True)
        .join(
            undone,
            (undone.c.project_id == event.c.project_id) & (undone.c.number == event.c.number),
            isouter=True,
        )
        .where(
            event.c.project_id == project_id,
            event.c.reader_id == access.reader_id,
            event.c.kind.in_(kinds_where(lambda rule: rule.bulk)),
        )
        .order_by(event.c.number.desc())
        .limit(limit)
    )
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        return [
            PastBulk(
                number=row.number,
                kind=EventKind(row.kind),
                at=row.at,
                images=row.bytes // np.dtype(np.int64).itemsize,
                round_number=json.loads(row.payload).get("round"),
                class_name=row.name,
                undone=row.undone is not None,
            )
            for row in conn.execute(query)
        ]
