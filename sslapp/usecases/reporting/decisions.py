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
from sqlalchemy import Connection, Row

from sslapp.rounds.predictions import NO_CLASS, Predictions, predictions_of
from sslapp.store.log.chain import unpack
from sslapp.store.log.decisions import standing_on_round, times_and_payloads
from sslapp.store.log.kinds import READER_ACTIONS, Action, rule_of
from sslapp.store.rounds import finished_rounds
from sslapp.store.state import ProjectState
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
    made: dict[str, Counter[date]] = {action: Counter() for action in Action}
    times: dict[str, list[float]] = defaultdict(list)
    for at, kind, payload in times_and_payloads(conn, project_id, READER_ACTIONS):
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
    rounds = reversed(finished_rounds(conn, project_id))
    return [_verdicts_on(conn, predictions_of(workspace, each, state)) for each in rounds]


def _verdicts_on(conn: Connection, predictions: Predictions) -> RoundVerdicts:
    judged = predictions.round
    found = RoundVerdicts(judged.number)
    for each in standing_on_round(conn, judged.project_id, judged.id, READER_ACTIONS):
        for name, classes in _counted(each, predictions):
            ids, numbers = np.unique(classes, return_counts=True)
            for class_id, number in zip(ids.tolist(), numbers.tolist(), strict=True):
                line = found.by_class.setdefault(class_id, Verdicts())
                setattr(line, name, getattr(line, name) + number)
    return found


def _proposed(predictions: Predictions, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Class ids that the round proposes, of those of the images that have a proposal."""
    # logs of earlier versions hold decisions about images that came after the round
    found = predictions.at(positions[positions < len(predictions)]).proposed
    return found[found != NO_CLASS]


def _likeliest(predictions: Predictions, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """The round's likeliest class ids for images, whatever readers ruled out."""
    found = predictions.at(positions[positions < len(predictions)])
    return found.class_ids[found.raw.argmax(axis=1)]


def _counted(
    each: Row[*tuple[Any, ...]], predictions: Predictions
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
    elif kind is EventKind.NONE and alone is not None:
        yield "rejected", _likeliest(predictions, alone)
    elif kind is EventKind.RELABEL and alone is not None:
        # the event names the right class; what was proposed is what the round says
        yield "relabelled", _proposed(predictions, alone)
    elif kind is EventKind.WITHHOLD and alone is not None:
        yield "withheld", _proposed(predictions, alone)
    elif members is None:
        return
    elif kind is EventKind.BULK_ACCEPT:
        accepted = unpack(each.member_classes)
        assert accepted is not None
        yield "accepted_in_bulk", accepted
    elif kind is EventKind.BULK_RELABEL:
        yield "relabelled_in_bulk", _proposed(predictions, members)
    elif kind is EventKind.BULK_WITHHOLD:
        yield "withheld", _proposed(predictions, members)
