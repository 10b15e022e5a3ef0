"""The kinds of event: the one table of what holds for each.

Whoever asks something of several kinds asks a row's attribute or `kinds_where`; no other module
lists kinds. A new kind is a member of vocabulary.EventKind and a row here. A row that is not
`in_snapshot` changes no snapshot's event number, and no row changes what was hashed before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import MappingProxyType

from sslapp.vocabulary import EventKind, Source


class Action(StrEnum):
    """What a reader does by an event; each such event counts as one reader action.

    A decision about a whole selection adds one for every image opened for it, kept in its payload
    as `opened`.
    """

    LABEL = "Label"
    NOTE = "Unsure, skip, flag"
    VERDICT = "Accept, reject, relabel"
    AUDIT = "Audit answer"
    BULK = "In bulk"
    UNDO = "Undo"


class Effect(Enum):
    """What a counting event does to each image that it names, when it is folded."""

    LABEL = "gives it a class"
    UNSURE = "takes the reader's own class away"
    FORBID = "forbids it a class, or several"
    WITHHOLD = "takes it off the list of a round's candidates"
    DRAW = "draws it into the holdout"


class Names(Enum):
    """How many images an event names: one in `position`, or many in `members`."""

    NONE = "none"
    ONE = "one"
    MANY = "many"
    EITHER = "either"


@dataclass(frozen=True, kw_only=True)
class EventRule:
    """What holds for every event of a kind.

    Attributes:
        kind: the kind.
        action: what a reader does by it; None for what is no decision about images.
        undoable: an undo by the same reader takes it back.
        past: what was done, as a sentence begins with it: "Accepted"; "" where none does.
        names: the images it is about.
        takes_class: it names a class in `class_id`.
        class_each: it names a class for every member, in `member_classes`.
        classes_out: it names there the classes that its one image is none of.
        needs_round: it names a round; other kinds may.
        takes_target: it names another event in `target`.
        effect: what it does to the images when it is folded; None: nothing is derived from it.
        source: Effect.LABEL: where that label comes from. A class that was given in bulk is no
            expert's: nobody looked at each of the images.
        settles: what any reader said of the image before counts no more.
        outvotes: neither does it, as before a later label, but what another reader adjudicated.
        may_be_blind: its reader may have seen nothing but the image; see log.sight.
        of_prediction: it answers a prediction; who measures must not have seen one.
        imported: it was decided in another project; log.origins says by whom, when and where.
        on_screen: a key on a desk makes it, with one image on screen.
        puts_aside: its reader is offered the image no more.
        in_snapshot: it can change what a snapshot holds.
        tells_rows: its payload says what stands in another table, which `verify` compares.
        takes_values: it takes values of metadata back; its payload says what columns are then.
        ends: it is the last of its project's log; the project takes no event after it.
    """

    kind: EventKind
    action: Action | None = None
    undoable: bool = False
    past: str = ""
    names: Names = Names.NONE
    takes_class: bool = False
    class_each: bool = False
    classes_out: bool = False
    needs_round: bool = False
    takes_target: bool = False
    effect: Effect | None = None
    source: Source | None = None
    settles: bool = False
    outvotes: bool = False
    may_be_blind: bool = False
    of_prediction: bool = False
    imported: bool = False
    on_screen: bool = False
    puts_aside: bool = False
    in_snapshot: bool = False
    tells_rows: bool = False
    takes_values: bool = False
    ends: bool = False

    @property
    def folded(self) -> bool:
        """Whether labels and what else is derived follow from it."""
        return self.effect is not None

    @property
    def verdict(self) -> bool:
        """Whether a reader judges by it what a round proposed for one image."""
        return self.action is Action.VERDICT

    @property
    def bulk(self) -> bool:
        """Whether a reader decides by it about a whole selection."""
        return self.action is Action.BULK and self.names is Names.MANY


_TABLE = (
    EventRule(
        kind=EventKind.LABEL,
        action=Action.LABEL,
        undoable=True,
        past="Labelled",
        names=Names.ONE,
        may_be_blind=True,
        takes_class=True,
        effect=Effect.LABEL,
        source=Source.EXPERT,
        on_screen=True,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.ADJUDICATE,
        action=Action.LABEL,
        undoable=True,
        past="Adjudicated",
        names=Names.ONE,
        takes_class=True,
        effect=Effect.LABEL,
        source=Source.ADJUDICATED,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.UNSURE,
        action=Action.NOTE,
        undoable=True,
        past="Unsure about",
        names=Names.ONE,
        may_be_blind=True,
        effect=Effect.UNSURE,
        on_screen=True,
        puts_aside=True,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.NONE,
        action=Action.LABEL,
        undoable=True,
        names=Names.ONE,
        may_be_blind=True,
        classes_out=True,
        effect=Effect.FORBID,
        outvotes=True,
        on_screen=True,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.SKIP,
        action=Action.NOTE,
        undoable=True,
        past="Skipped",
        names=Names.ONE,
        on_screen=True,
        puts_aside=True,
    ),
    EventRule(
        kind=EventKind.FLAG,
        action=Action.NOTE,
        undoable=True,
        past="Flagged",
        names=Names.ONE,
        on_screen=True,
    ),
    EventRule(
        kind=EventKind.ACCEPT,
        action=Action.VERDICT,
        undoable=True,
        past="Accepted",
        names=Names.ONE,
        takes_class=True,
        effect=Effect.LABEL,
        source=Source.ACCEPTED,
        of_prediction=True,
        on_screen=True,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.REJECT,
        action=Action.VERDICT,
        undoable=True,
        past="Rejected",
        names=Names.ONE,
        takes_class=True,
        effect=Effect.FORBID,
        of_prediction=True,
        on_screen=True,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.RELABEL,
        action=Action.VERDICT,
        undoable=True,
        past="Relabelled",
        names=Names.ONE,
        takes_class=True,
        effect=Effect.LABEL,
        source=Source.EXPERT,
        of_prediction=True,
        on_screen=True,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.WITHHOLD,
        action=Action.BULK,
        undoable=True,
        past="Withheld",
        names=Names.ONE,
        needs_round=True,
        effect=Effect.WITHHOLD,
        of_prediction=True,
    ),
    EventRule(
        kind=EventKind.BULK_ACCEPT,
        action=Action.BULK,
        undoable=True,
        past="Accepted",
        names=Names.MANY,
        class_each=True,
        effect=Effect.LABEL,
        source=Source.ACCEPTED,
        of_prediction=True,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.BULK_WITHHOLD,
        action=Action.BULK,
        undoable=True,
        past="Withheld",
        names=Names.MANY,
        needs_round=True,
        effect=Effect.WITHHOLD,
        of_prediction=True,
    ),
    EventRule(
        kind=EventKind.BULK_RELABEL,
        action=Action.BULK,
        undoable=True,
        past="Relabelled",
        names=Names.MANY,
        takes_class=True,
        needs_round=True,
        effect=Effect.LABEL,
        source=Source.ACCEPTED,
        of_prediction=True,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.BULK_LABEL,
        action=Action.BULK,
        undoable=True,
        past="Labelled",
        names=Names.MANY,
        takes_class=True,
        effect=Effect.LABEL,
        source=Source.ACCEPTED,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.UNDO,
        action=Action.UNDO,
        undoable=True,
        past="Took back",
        takes_target=True,
        on_screen=True,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.IMPORT_EXPERT,
        undoable=True,
        names=Names.MANY,
        class_each=True,
        effect=Effect.LABEL,
        source=Source.EXPERT,
        imported=True,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.IMPORT_ADJUDICATED,
        undoable=True,
        names=Names.MANY,
        class_each=True,
        effect=Effect.LABEL,
        source=Source.ADJUDICATED,
        imported=True,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.IMPORT_ACCEPTED,
        undoable=True,
        names=Names.MANY,
        class_each=True,
        effect=Effect.LABEL,
        source=Source.ACCEPTED,
        imported=True,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.IMPORT_NONE,
        undoable=True,
        names=Names.MANY,
        takes_class=True,
        effect=Effect.FORBID,
        imported=True,
        in_snapshot=True,
    ),
    EventRule(kind=EventKind.AUDIT_OPEN, names=Names.MANY, class_each=True),
    EventRule(
        kind=EventKind.AUDIT_LABEL,
        action=Action.AUDIT,
        undoable=True,
        past="Answered",
        names=Names.ONE,
        may_be_blind=True,
        takes_class=True,
        effect=Effect.LABEL,
        source=Source.EXPERT,
        settles=True,
        on_screen=True,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.AUDIT_UNSURE,
        action=Action.AUDIT,
        undoable=True,
        past="Answered unsure about",
        names=Names.ONE,
        may_be_blind=True,
        effect=Effect.UNSURE,
        settles=True,
        on_screen=True,
        puts_aside=True,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.AUDIT_NONE,
        action=Action.AUDIT,
        undoable=True,
        past="Answered none of these for",
        names=Names.ONE,
        may_be_blind=True,
        classes_out=True,
        effect=Effect.FORBID,
        settles=True,
        on_screen=True,
        in_snapshot=True,
    ),
    EventRule(
        kind=EventKind.AUDIT_REPEAT,
        action=Action.AUDIT,
        undoable=True,
        past="Answered again for",
        names=Names.ONE,
        may_be_blind=True,
        on_screen=True,
    ),
    EventRule(
        kind=EventKind.DRAW_HOLDOUT,
        names=Names.EITHER,
        effect=Effect.DRAW,
        in_snapshot=True,
    ),
    EventRule(kind=EventKind.IMPORT, in_snapshot=True, tells_rows=True),
    EventRule(kind=EventKind.WITHDRAW_IMPORT, in_snapshot=True, tells_rows=True, takes_values=True),
    EventRule(kind=EventKind.ADD_CLASS, takes_class=True, in_snapshot=True, tells_rows=True),
    EventRule(kind=EventKind.EDIT_CLASS, takes_class=True, tells_rows=True),
    EventRule(kind=EventKind.RETIRE_CLASS, takes_class=True, in_snapshot=True, tells_rows=True),
    EventRule(kind=EventKind.IMPORT_METADATA, tells_rows=True),
    EventRule(kind=EventKind.SHOW_METADATA, tells_rows=True),
    EventRule(kind=EventKind.REMOVE_METADATA, tells_rows=True),
    EventRule(kind=EventKind.UNDO_METADATA, tells_rows=True, takes_values=True),
    EventRule(kind=EventKind.IMPORT_TRUTH, tells_rows=True),
    EventRule(kind=EventKind.SIBLING),
    EventRule(kind=EventKind.SETTINGS),
    EventRule(kind=EventKind.SNAPSHOT, tells_rows=True),
    EventRule(kind=EventKind.ROUND_START, tells_rows=True),
    EventRule(kind=EventKind.ROUND_DONE),
    EventRule(kind=EventKind.EXPORT),
    EventRule(kind=EventKind.DELETE_PROJECT, tells_rows=True, ends=True),
)

RULES: Mapping[EventKind, EventRule] = MappingProxyType({rule.kind: rule for rule in _TABLE})
"""Every kind's row."""


def rule_of(kind: EventKind | str) -> EventRule:
    """A kind's row; the kind may be its name, as the event table holds it."""
    return RULES[EventKind(kind)]


def kinds_where(holds: Callable[[EventRule], bool]) -> tuple[EventKind, ...]:
    """The kinds of whose row something holds, in the order of the table."""
    return tuple(kind for kind, rule in RULES.items() if holds(rule))


READER_ACTIONS = kinds_where(lambda rule: rule.action is not None)
"""Kinds that a reader causes by a decision about images."""
