"""The browser's outbox: decisions that were made on screen become events, each exactly once.

A page keeps every decision in an outbox until the server has answered for it, and sends the whole
outbox again and again, one request at a time. Three rules make that safe:

*Names.* The page draws a new `client` name whenever it is loaded and counts its decisions from 1.
A decision is stored under the key "<client>:<seq>", so a repeated one is found, not stored twice.

*Order.* A request holds consecutive decisions, and they are stored in their order. One that would
leave a gap behind what is stored is refused whole (ValueError): something between was lost, and
what comes after it must not overtake it.

*Refusals.* A decision that does not fit the project (its class was retired meanwhile) is answered
as refused with the reason, and does not hold up those behind it. So is one about a picture that is
not the image at that position: copies of a workspace answer to the same id, and a page may have
been painted from another one. Refused decisions are not stored,
so they leave holes in the numbers. Two things follow. A request names in `refused` the decisions
that the page knows to be refused, and a gap that consists of these is none. And a decision below
the newest stored one that is not stored itself was refused before; when the answer was lost and it
comes again it is refused again, even if it would fit now, because it would be stored out of order.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    model_validator,
)
from sqlalchemy import Connection

from sslapp.store import images
from sslapp.store.database import writing
from sslapp.store.errors import KeyReused, Refused
from sslapp.store.labels import current_labels
from sslapp.store.log import events
from sslapp.store.log.decisions import newest_key
from sslapp.store.log.events import Event
from sslapp.store.log.kinds import Action, kinds_where, rule_of
from sslapp.store.log.sight import sight_of_strategy
from sslapp.store.rounds import finished_round
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.labelling.verdicts import must_not_measure, verdict_on
from sslapp.usecases.projects.classes import live_class_ids
from sslapp.vocabulary import EventKind, Sight, Source

PAINTED_MS = 50
"""How long an image must have been on the stage before a key about it counts; a frame of it must
have been painted as well."""

_LARGEST = 2**53  # the largest whole number that JavaScript can count to

MOST_AT_ONCE = 500
"""Decisions in one request; a page with more sends the oldest first."""

_CLIENT = re.compile(r"[0-9A-Za-z-]{8,48}")


def _on_screen(kind: EventKind) -> EventKind:
    if not rule_of(kind).on_screen:
        allowed = ", ".join(kinds_where(lambda rule: rule.on_screen))
        raise ValueError(f"A page cannot make a decision ({kind}); it makes {allowed}.")
    return kind


class Entry(BaseModel):
    """One decision in an outbox.

    Attributes:
        seq: 1, 2, ... of the client.
        kind: label, unsure, none, skip, flag, undo; accept, reject, relabel; the answers of an
            audit.
        position: the image; of all but undo.
        image: content hash of the picture that was painted; of all but undo.
        class_id: label, relabel: the class. accept: the proposed class that was shown, checked.
            reject: the class it is not; default the proposed one.
        round: accept, reject, relabel: number of the round whose prediction is judged. none: of
            the round whose prediction was on screen beside the image, if one was.
        of: undo: key "<client>:<seq>" of the reader's decision, which may be unsent yet.
        target: undo: or the number of its event.
        placed_at, painted_at, pressed_at: when the decoded image was put on the stage (default:
            when it was painted), when it was painted, and when the key was pressed; milliseconds
            since 1970 by the browser's clock.
        active_ms: time with the image while its tab was shown; of a gap without a sign of life
            (pointer, key, wheel) at most the first 30 s.
        strategy: which strategy offered the image.
        comment: flag: what is odd about the image.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seq: int = Field(ge=1, le=_LARGEST)
    kind: Annotated[EventKind, AfterValidator(_on_screen)]
    position: int | None = Field(default=None, ge=0, le=_LARGEST)
    image: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    class_id: int | None = Field(default=None, ge=0, le=_LARGEST)
    round: int | None = Field(default=None, ge=1, le=_LARGEST)
    of: str | None = Field(default=None, min_length=1, max_length=64)
    target: int | None = Field(default=None, ge=1, le=_LARGEST)
    placed_at: FiniteFloat | None = None
    painted_at: FiniteFloat | None = None
    pressed_at: FiniteFloat
    active_ms: FiniteFloat | None = Field(default=None, ge=0)
    strategy: str | None = Field(default=None, max_length=32)
    comment: str | None = Field(default=None, max_length=2000)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Entry":
        if self.kind is EventKind.UNDO:
            about_image = self.position is not None or self.image is not None
            if about_image or (self.of is None) == (self.target is None):
                raise ValueError("An undo names the decision by `of` or by `target`, no image.")
            return self
        if self.position is None:
            raise ValueError(f"The decision ({self.kind}) names no image.")
        if self.image is None:
            raise ValueError(
                f"The decision does not say which picture was shown as image {self.position}, as "
                "pages of an older version do not. Reload the page and decide again."
            )
        if not self._was_seen():
            raise ValueError(
                f"Image {self.position} had not been on screen for {PAINTED_MS} ms when the key "
                "was pressed. Look at it and decide again."
            )
        if rule_of(self.kind).verdict and self.round is None:
            raise ValueError(f"The decision ({self.kind}) names no round.")
        if not rule_of(self.kind).takes_class and self.class_id is not None:
            raise ValueError(f"The decision ({self.kind}) takes no class.")
        return self

    def _was_seen(self) -> bool:
        painted = self.painted_at
        placed = painted if self.placed_at is None else self.placed_at
        if painted is None or placed is None or placed > painted:
            return False
        return self.pressed_at >= max(painted, placed + PAINTED_MS)

    def measured(self) -> dict[str, Any]:
        """What the page measured, as it is kept with the event."""
        times = ("placed_at", "painted_at", "pressed_at", "active_ms")
        names = ("image", *times, "strategy", "comment")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


Store = Callable[[Connection, Access, int, str, Entry], Event]
"""store(conn, access, project id, client, entry) makes the event that an entry is."""


@dataclass(frozen=True)
class Conflict:
    """A decision that was stored although somebody else had labelled the image by then."""

    seq: int
    position: int
    reader: str
    class_id: int
    class_name: str
    source: Source


@dataclass(frozen=True)
class Receipt:
    """What became of every decision of a request.

    Attributes:
        acked: seq -> number of its event; these are durable.
        refused: seq -> why, as a sentence.
        conflicts: of the acked ones.
    """

    acked: dict[int, int] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)


def ingest(
    access: Access,
    project: str | int | None,
    client: str,
    items: Sequence[Mapping[str, Any]],
    refused: Collection[int] = (),
    *,
    store: Store | None = None,
) -> Receipt:
    """Store what a page sends, in one transaction.

    Args:
        client: the page's name for itself, 8 to 48 letters, digits and hyphens.
        items: decisions as `Entry` describes them, with consecutive `seq`.
        refused: decisions of this client before the first item that it knows to be refused.
        store: makes an entry's event; default: as the pages for labelling and review mean it.

    Raises:
        ValueError: when the request is malformed or leaves a gap; then nothing is stored.
        NotAllowed: when the reader is no member of the project.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        run = _run(client, items)
        newest = _newest(conn, project_id, client)
        _must_follow(newest, run, refused)
        receipt = Receipt()
        for seq, item in zip(run, items, strict=True):
            try:
                entry = Entry.model_validate(item)
                stored = events.find(conn, project_id, f"{client}:{seq}")
                if stored is not None:
                    _must_be_the_same(stored, entry, access)
                elif seq <= newest:
                    raise Refused("It was refused when it first arrived. Decide again.")
                else:
                    _must_be_the_image(conn, project_id, entry)
                    conflict = _conflict(conn, access, project_id, entry)
                    stored = (store or _store)(conn, access, project_id, client, entry)
                    receipt.conflicts.extend(conflict)
                receipt.acked[seq] = stored.number
            except ValidationError as error:
                receipt.refused[seq] = _sentence(error)
            except Refused as error:  # raised before anything is written
                receipt.refused[seq] = str(error)
    return receipt


def _run(client: str, items: Sequence[Mapping[str, Any]]) -> range:
    """The numbers of the items, which must be consecutive."""
    if not isinstance(client, str) or not _CLIENT.fullmatch(client):
        raise ValueError("client: 8 to 48 letters, digits and hyphens are expected.")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ValueError("items: a list of decisions is expected.")
    if len(items) > MOST_AT_ONCE:
        raise ValueError(f"items: {len(items)} decisions; send at most {MOST_AT_ONCE} at once.")
    numbers = [item.get("seq") for item in items]
    first = numbers[0] if numbers else 1
    if type(first) is not int or not 1 <= first < 2**53:
        raise ValueError("items: the first decision has no number (seq) from 1.")
    if numbers != list(range(first, first + len(items))):
        raise ValueError("items: the numbers (seq) of the decisions are not consecutive.")
    return range(first, first + len(items))


def _newest(conn: Connection, project_id: int, client: str) -> int:
    """The highest seq of the client that is stored; the newest event has it, 0 without any."""
    key = newest_key(conn, project_id, f"{client}:")
    return 0 if key is None else int(key.rpartition(":")[2])


def _must_follow(newest: int, run: range, refused: Collection[int]) -> None:
    known = {each for each in refused if type(each) is int}
    missing = next((seq for seq in range(newest + 1, run.start) if seq not in known), None)
    if missing is not None:
        raise ValueError(
            f"Decision {missing} of this page never arrived, so those from {run.start} on were "
            "not saved either: the order would be lost. Reload the page and decide again."
        )


def _must_be_the_same(stored: Event, entry: Entry, access: Access) -> None:
    # an audit's answer about an image that was answered before is kept as a repetition
    again = stored.kind is EventKind.AUDIT_REPEAT and rule_of(entry.kind).action is Action.AUDIT
    mine = (access.reader_id, entry.kind, entry.position, entry.measured())
    there = (
        stored.reader_id,
        entry.kind if again else stored.kind,
        stored.position,
        {name: stored.payload.get(name) for name in entry.measured()},
    )
    held = stored.payload.get("class_id") if again else stored.class_id
    given = entry.kind is EventKind.UNDO or entry.class_id in (None, held)
    if mine != there or not given:
        raise KeyReused(
            f"Decision {entry.seq} of this page is event {stored.number} already, with another "
            "content. Reload the page and decide again."
        )


def _must_be_the_image(conn: Connection, project_id: int, entry: Entry) -> None:
    """Check that the picture which was painted is the image at that position."""
    if entry.position is None or entry.image is None:
        return  # an undo
    held = images.pixel_hashes(conn, project_id, [entry.position]).get(entry.position)
    if held is not None:  # where there is no image the log refuses the decision
        images.must_be_seen(entry.position, held, entry.image)


def _store(conn: Connection, access: Access, project_id: int, client: str, entry: Entry) -> Event:
    if rule_of(entry.kind).action is Action.AUDIT:
        raise Refused("An audit is answered on its own page. Open it there.")
    if entry.kind is EventKind.UNDO:
        return store_undo(conn, access, project_id, client, entry)
    about: dict[str, Any] = {"position": entry.position, "payload": entry.measured()}
    if rule_of(entry.kind).verdict:
        assert entry.position is not None
        found = finished_round(conn, project_id, entry.round)
        verdict = verdict_on(
            conn,
            access.workspace,
            entry.kind,
            entry.position,
            found=found,
            named=entry.class_id,
        )
        about |= {"class_id": verdict.class_id, "round_id": verdict.round_id}
        about["payload"] |= verdict.payload
    elif rule_of(entry.kind).classes_out:
        about |= _none_of_these(conn, project_id, entry)
    else:
        about["class_id"] = entry.class_id
        about["payload"]["sight"] = sight_of_strategy(entry.strategy)
    return events.append(
        conn,
        project_id,
        entry.kind,
        key=f"{client}:{entry.seq}",
        reader_id=access.reader_id,
        **about,
    )


def _none_of_these(conn: Connection, project_id: int, entry: Entry) -> dict[str, Any]:
    """What an event says of an image that no class fits, beside what the page measured."""
    assert entry.position is not None
    out = live_class_ids(conn, project_id)
    sight = sight_of_strategy(entry.strategy)
    if entry.round is None:
        return {"member_classes": out, "payload": {**entry.measured(), "sight": sight}}
    found = finished_round(conn, project_id, entry.round)
    must_not_measure(conn, project_id, entry.position)
    payload = {**entry.measured(), "sight": Sight.SUGGESTION}
    return {"member_classes": out, "payload": payload, "round_id": found.id}


def store_undo(
    conn: Connection, access: Access, project_id: int, client: str, entry: Entry
) -> Event:
    """Take back what an undo names."""
    return events.append(
        conn,
        project_id,
        EventKind.UNDO,
        key=f"{client}:{entry.seq}",
        reader_id=access.reader_id,
        target=_target(conn, project_id, entry),
        payload=entry.measured(),
    )


def _target(conn: Connection, project_id: int, entry: Entry) -> int:
    """The number of the event that an undo names, by its number or by its key."""
    if entry.target is not None:
        return entry.target
    named = None if entry.of is None else events.find(conn, project_id, entry.of)
    if named is None:
        raise Refused("There is nothing to take back: that decision was refused.")
    return named.number


def _conflict(conn: Connection, access: Access, project_id: int, entry: Entry) -> list[Conflict]:
    """What another reader has said about the image that this reader labels now, or calls none."""
    if rule_of(entry.kind).action is not Action.LABEL or entry.position is None:
        return []
    held = current_labels(conn, project_id, [entry.position]).get(entry.position)
    if held is None or held.reader_id == access.reader_id:
        return []
    return [
        Conflict(
            entry.seq, entry.position, held.reader, held.class_id, held.class_name, held.source
        )
    ]


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(each) for each in first["loc"])
    why = first["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{where}: {why}." if where else f"{why}."
