"""Who first gave an imported label, when and where.

The event that brings labels of another project is its importer's; its payload tells for every
member who decided it there, as columns in the order of the members, so that the hash chain vouches
for it. An export of an import carries on what was said first.
"""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, select

from sslapp.store.log import replay
from sslapp.store.log.chain import unpack
from sslapp.store.log.kinds import kinds_where
from sslapp.store.schema import event, undone

MOST = 50_000
"""Members that one event takes: their payload has some 3 MB then."""

WITH_IMAGES = "with_images"
"""Stands in a payload's `imported` where the images came in the same import."""

IMPORTED = kinds_where(lambda rule: rule.imported)


@dataclass(frozen=True, kw_only=True)
class FirstGiven:
    """Where a label was given first.

    Attributes:
        project, workspace: its name and the workspace's id there; "" where it is not known.
        reader: who decided; "" where it is not known.
        event: number of the decision in that project's log.
        at: when, UTC.
        round: number of the round, of that project, that proposed it.
        confidence: the calibrated probability that this round gave it.
    """

    project: str
    workspace: str
    reader: str
    event: int | None = None
    at: datetime | None = None
    round: int | None = None
    confidence: float | None = None


def new_import() -> str:
    """What the keys of all events of one import begin with; they are taken back together."""
    return f"labels:{uuid.uuid4().hex}:"


def told(given: Sequence[FirstGiven]) -> dict[str, Any]:
    """What a payload says of n members, as `first_given` reads it."""
    places = list(dict.fromkeys((each.project, each.workspace) for each in given))
    people = list(dict.fromkeys(each.reader for each in given))
    place = {each: number for number, each in enumerate(places)}
    person = {each: number for number, each in enumerate(people)}
    return {
        "projects": [list(each) for each in places],
        "readers": people,
        "given": {
            "project": [place[each.project, each.workspace] for each in given],
            "reader": [person[each.reader] for each in given],
            "event": [each.event for each in given],
            "at": [None if each.at is None else each.at.isoformat() for each in given],
            "round": [each.round for each in given],
            "confidence": [each.confidence for each in given],
        },
    }


def first_given(
    conn: Connection, project_id: int, decided: Mapping[int, int]
) -> dict[int, FirstGiven]:
    """Position -> where its label was given first, for those that an import brought.

    Args:
        decided: position -> number of the event that its label comes from.
    """
    mine = event.c.project_id == project_id
    imports = select(event.c.number).where(mine, event.c.kind.in_(IMPORTED))
    wanted = set(conn.execute(imports).scalars()) & set(decided.values())
    found: dict[int, FirstGiven] = {}
    for number in sorted(wanted):
        columns = select(event.c.payload, event.c.members)
        row = conn.execute(columns.where(mine, event.c.number == number)).one()
        positions = [position for position, its in decided.items() if its == number]
        found |= _read(json.loads(row.payload), unpack(row.members), positions)
    return found


def taken_back_along(conn: Connection, project_id: int, number: int) -> list[int]:
    """Numbers of the other events that an undo of this one must take back with it.

    An import of labels is several events and taken back as one, and brought back as one: beside one
    of its events these are its others, beside the undo of one the undos of the others. [] for any
    other event.
    """
    mine = event.c.project_id == project_id
    known = select(event.c.number).where(mine, event.c.number == number)
    if conn.execute(known).first() is None:
        return []
    root = replay.root_of(conn, project_id, number)
    query = select(event.c.key).where(mine, event.c.number == root, event.c.kind.in_(IMPORTED))
    key = conn.execute(query).scalar()
    if key is None:
        return []
    prefix = key[: key.rindex(":") + 1]  # as new_import made it
    rows = conn.execute(
        select(event.c.number, event.c.key, undone.c.number.label("gone"))
        .outerjoin(undone, (undone.c.project_id == project_id) & _of(event.c.number))
        .where(mine, event.c.kind.in_(IMPORTED))
    ).all()
    standing = {row.number: row.gone is None for row in rows if row.key.startswith(prefix)}
    alike = sorted(each for each in standing if standing[each] == standing[root] and each != root)
    return alike if standing[root] else _undos_of(conn, project_id, alike)


def _undos_of(conn: Connection, project_id: int, numbers: Sequence[int]) -> list[int]:
    """The standing undos of these events."""
    query = (
        select(event.c.number)
        .outerjoin(undone, (undone.c.project_id == project_id) & _of(event.c.number))
        .where(
            event.c.project_id == project_id,
            event.c.target.in_(numbers),
            undone.c.number.is_(None),
        )
    )
    return sorted(conn.execute(query).scalars())


def _of(number: ColumnElement[int]) -> ColumnElement[bool]:
    return undone.c.number == number


def _read(payload: Mapping[str, Any], members: Any, positions: Iterable[int]) -> dict[int, Any]:
    given = payload.get("given")
    if given is None:  # another event of the same import says it
        return {}
    found = {}
    for position in positions:
        row = int(np.searchsorted(members, position))
        project, workspace = payload["projects"][given["project"][row]]
        at = given["at"][row]
        found[position] = FirstGiven(
            project=project,
            workspace=workspace,
            reader=payload["readers"][given["reader"][row]],
            event=given["event"][row],
            at=None if at is None else datetime.fromisoformat(at),
            round=given["round"][row],
            confidence=given["confidence"][row],
        )
    return found
