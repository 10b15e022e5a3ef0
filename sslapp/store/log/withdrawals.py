"""Withdrawn imports: what was said of an image before it was withdrawn counts no more.

The next import takes the same positions for other images, of which no earlier event says anything.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from sslapp.store.schema import event
from sslapp.vocabulary import EventKind


@dataclass(frozen=True)
class Withdrawals:
    """The imports of a project that were withdrawn.

    Attributes:
        made: (number, first) of each: of the event, and the first position that it took.
    """

    made: Sequence[tuple[int, int]]

    def end(self, number: int) -> int:
        """The position from which on an event says nothing more, or one that no image has."""
        return min((first for at, first in self.made if at > number), default=sys.maxsize)


def withdrawals(conn: Connection, project_id: int) -> Withdrawals:
    """What was withdrawn from a project."""
    query = select(event.c.number, event.c.payload).where(
        event.c.project_id == project_id, event.c.kind == EventKind.WITHDRAW_IMPORT
    )
    return Withdrawals(
        [(row.number, json.loads(row.payload)["first"]) for row in conn.execute(query)]
    )
