"""The rule that turns events into labels; pure, and the only place where it is written.

Events are applied to an image in the order of their numbers. An event that does not count because
it was undone is simply not applied, so undoing a bulk decision leaves later decisions standing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from sslapp.store.log.kinds import RULES, Effect
from sslapp.vocabulary import EventKind, Source


class Decision(NamedTuple):
    """A reader's latest decision about an image; class_id None means unsure."""

    class_id: int | None
    source: Source
    number: int


class Step(NamedTuple):
    """What one event says about one image."""

    number: int
    kind: EventKind
    reader_id: int | None
    class_id: int | None
    round_id: int | None


@dataclass(slots=True)
class ImageState:
    """What the events so far say about one image.

    Attributes:
        decisions: each reader's latest decision.
        forbidden: class id -> number of the event that forbade it.
        withheld: round id -> number of the event that withheld it there.
        holdout: number of the event that drew it into the holdout, or None.
    """

    decisions: dict[int, Decision] = field(default_factory=dict)
    forbidden: dict[int, int] = field(default_factory=dict)
    withheld: dict[int, int] = field(default_factory=dict)
    holdout: int | None = None

    def current(self) -> Decision | None:
        """The image's label: the latest one over all readers; an adjudicated one wins."""
        made = [decision for decision in self.decisions.values() if decision.class_id is not None]
        return max(made, key=_rank, default=None)

    def apply(self, step: Step) -> None:
        """Take the next counting event into account."""
        number, kind, reader_id, class_id, round_id = step
        rule = RULES[kind]
        effect = rule.effect
        if rule.settles:
            self.decisions = {}
        if rule.outvotes:
            self.decisions = {
                who: made
                for who, made in self.decisions.items()
                if made.source is Source.ADJUDICATED and who != reader_id
            }
        if effect is Effect.LABEL:
            assert reader_id is not None and class_id is not None and rule.source is not None
            self._label(reader_id, Decision(class_id, rule.source, number))
        elif effect is Effect.UNSURE:
            assert reader_id is not None
            self.decisions[reader_id] = Decision(None, Source.NONE, number)
        elif effect is Effect.FORBID:
            assert class_id is not None
            self._reject(class_id, number)
        elif effect is Effect.WITHHOLD:
            assert round_id is not None
            self.withheld[round_id] = number
        elif effect is Effect.DRAW and self.holdout is None:
            self.holdout = number

    def _label(self, reader_id: int, decision: Decision) -> None:
        if decision.source is Source.ACCEPTED:
            # Undo of an undo can bring back a rejection that is older than the acceptance.
            if decision.class_id in self.forbidden:
                return
        elif decision.class_id is not None:
            self.forbidden.pop(decision.class_id, None)
        self.decisions[reader_id] = decision

    def _reject(self, class_id: int, number: int) -> None:
        self.forbidden[class_id] = number
        self.decisions = {
            reader_id: decision
            for reader_id, decision in self.decisions.items()
            if (decision.class_id, decision.source) != (class_id, Source.ACCEPTED)
        }


def undone(undos: Iterable[tuple[int, int]]) -> set[int]:
    """Numbers of the events that do not count.

    Args:
        undos: (number, target) of every undo event.

    The newest undo counts for certain, so going backwards each one is decided when it is met.
    """
    gone: set[int] = set()
    for number, target in sorted(undos, reverse=True):
        if number not in gone:
            gone.add(target)
    return gone


def _rank(decision: Decision) -> tuple[bool, int]:
    return decision.source == Source.ADJUDICATED, decision.number
