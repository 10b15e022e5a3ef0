"""What readers decided, counted for the report: day by day, how long it took, what they said."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, select

from sslapp import durable
from sslapp.review.proposals import best_classes
from sslapp.store.log.chain import unpack
from sslapp.store.log.kinds import READER_ACTIONS, Action, rule_of
from sslapp.store.rounds import finished
from sslapp.store.schema import event, round_, snapshot, undone
from sslapp.store.state import ProjectState
from sslapp.usecases.reviewing.predictions import ruled_out
from sslapp.vocabulary import EventKind
from sslapp.workspace import Workspace


@dataclass(frozen=True)
class Activity:
    """Reader actions over time.

    Attributes:
        days: every day from the first action to the last, UTC.
        counts: name of an Action -> events on each day.
        seconds: name of an Action -> (median seconds a decision took, decisions with a time).
    """

    days: list[date]
    counts: dict[str, list[int]]
    seconds: dict[str, tuple[float, int]]


@dataclass
class Verdicts:
    """What readers said to what a round proposed for one class; undone decisions do not count.

    Attributes:
        accepted, relabelled, rejected: images judged one by one.
        accepted_in_bulk, relabelled_in_bulk, withheld: images decided about together.
    """

    accepted: int = 0
    relabelled: int = 0
    rejected: int = 0
    accepted_in_bulk: int = 0
    relabelled_in_bulk: int = 0
    withheld: int = 0

    @property
    def judged(self) -> int:
        """Images judged one by one."""
        return self.accepted + self.relabelled + self.rejected


@dataclass(frozen=True)
class RoundVerdicts:
    """The verdicts on one round, by the id of the class that was proposed."""

    number: int
    by_class: dict[int, Verdicts] = field(default_factory=dict)


def activity(conn: Connection, project_id: int) -> Activity:
    """Count the project's reader actions by day and by what was done."""
    query = select(event.c.at, event.c.kind, event.c.payload).where(
        event.c.project_id == project_id,
        event.c.kind.in_(READER_ACTIONS),
    )
    made: dict[str, Counter[date]] = {action: Counter() for action in Action}
    times: dict[str, list[float]] = defaultdict(list)
    for at, kind, payload in conn.execute(query):
        action = rule_of(kind).action
        assert action is not None
        made[action][at.date()] += 1
        taken = json.loads(payload).get("active_ms")
        if isinstance(taken, int | float):
            times[action].append(taken / 1000)
    seen = {day for counter in made.values() for day in counter}
    days = list(_every_day(min(seen), max(seen))) if seen else []
    return Activity(
        days=days,
        counts={name: [made[name][day] for day in days] for name in Action if made[name]},
        seconds={name: (median(times[name]), len(times[name])) for name in Action if times[name]},
    )


def _every_day(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def verdicts(
    conn: Connection, workspace: Workspace, project_id: int, state: ProjectState
) -> list[RoundVerdicts]:
    """What readers said to each finished round, newest round first.

    An accepted or rejected class stands in its event. What else was answered is what the round
    proposes by now, with the classes out that readers ruled out or retired; images for which it
    proposes nothing are left out.
    """
    rounds = conn.execute(
        select(
            *(round_.c[name] for name in ("id", "number", "probabilities", "temperature")),
            snapshot.c.class_ids,
        )
        .join(snapshot, snapshot.c.id == round_.c.snapshot_id)
        .where(finished(project_id))
        .order_by(round_.c.number.desc())
    )
    return [_verdicts_on(conn, workspace, project_id, state, row) for row in rounds.all()]


def _verdicts_on(
    conn: Connection,
    workspace: Workspace,
    project_id: int,
    state: ProjectState,
    row: Row[*tuple[Any, ...]],
) -> RoundVerdicts:
    gone = select(undone.c.number).where(undone.c.project_id == project_id)
    decided = conn.execute(
        select(
            event.c.kind,
            event.c.position,
            event.c.class_id,
            event.c.members,
            event.c.member_classes,
        ).where(
            event.c.project_id == project_id,
            event.c.round_id == row.id,
            event.c.kind.in_(READER_ACTIONS),
            event.c.number.not_in(gone),
        )
    )
    table = durable.read_array(workspace.path(row.probabilities))
    proposals = _Proposals(
        np.asarray(row.class_ids, dtype=np.int64),
        table,
        row.temperature,
        ruled_out(state, row.class_ids, len(table)),
    )
    found = RoundVerdicts(row.number)
    for each in decided:
        for name, classes in _counted(each, proposals):
            ids, numbers = np.unique(classes, return_counts=True)
            for class_id, number in zip(ids.tolist(), numbers.tolist(), strict=True):
                line = found.by_class.setdefault(class_id, Verdicts())
                setattr(line, name, getattr(line, name) + number)
    return found


@dataclass(frozen=True)
class _Proposals:
    class_ids: NDArray[np.int64]  # (C,)
    probabilities: NDArray[np.generic]  # (N, C)
    temperature: float
    ruled_out: NDArray[np.bool_]  # (N, C)

    def of(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Class ids that the round proposes, of those of the images that have a proposal."""
        # logs of earlier versions hold decisions about images that came after the round
        covered = positions[positions < len(self.probabilities)]
        raw = np.asarray(self.probabilities[covered], dtype=np.float32)
        columns = best_classes(raw, self.temperature, self.ruled_out[covered]).columns
        return self.class_ids[columns[columns >= 0]]


def _counted(
    each: Row[*tuple[Any, ...]], proposals: _Proposals
) -> Iterable[tuple[str, NDArray[np.int64]]]:
    """(name of a field of Verdicts, class id of every image it counts)."""
    kind = EventKind(each.kind)
    alone = None if each.position is None else np.array([each.position], dtype=np.int64)
    named = None if each.class_id is None else np.array([each.class_id], dtype=np.int64)
    members = unpack(each.members)
    if kind is EventKind.ACCEPT and named is not None:
        yield "accepted", named
    elif kind is EventKind.REJECT and named is not None:
        yield "rejected", named
    elif kind is EventKind.RELABEL and alone is not None:
        # the event names the right class; what was proposed is what the round says
        yield "relabelled", proposals.of(alone)
    elif kind is EventKind.WITHHOLD and alone is not None:
        yield "withheld", proposals.of(alone)
    elif members is None:
        return
    elif kind is EventKind.BULK_ACCEPT:
        accepted = unpack(each.member_classes)
        assert accepted is not None
        yield "accepted_in_bulk", accepted
    elif kind is EventKind.BULK_RELABEL:
        yield "relabelled_in_bulk", proposals.of(members)
    elif kind is EventKind.BULK_WITHHOLD:
        yield "withheld", proposals.of(members)
