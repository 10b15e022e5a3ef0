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
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, select

from sslapp.store import images
from sslapp.store.database import writing
from sslapp.store.errors import KeyReused, Refused
from sslapp.store.log import events
from sslapp.store.log.chain import Event, from_row
from sslapp.store.log.kinds import rule_of
from sslapp.store.schema import current_label, event, label_class, reader
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.labelling.entries import Entry
from sslapp.usecases.labelling.verdicts import judged
from sslapp.vocabulary import EventKind, Source

MOST_AT_ONCE = 500
"""Decisions in one request; a page with more sends the oldest first."""

_CLIENT = re.compile(r"[0-9A-Za-z-]{8,48}")


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
) -> Receipt:
    """Store what a page sends, in one transaction.

    Args:
        client: the page's name for itself, 8 to 48 letters, digits and hyphens.
        items: decisions as `Entry` describes them, with consecutive `seq`.
        refused: decisions of this client before the first item that it knows to be refused.

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
                stored = _stored(conn, project_id, f"{client}:{seq}")
                if stored is not None:
                    _must_be_the_same(stored, entry, access)
                elif seq <= newest:
                    raise Refused("It was refused when it first arrived. Decide again.")
                else:
                    _must_be_the_image(conn, project_id, entry)
                    conflict = _conflict(conn, access, project_id, entry)
                    stored = _store(conn, access, project_id, client, entry)
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
    key = conn.execute(
        select(event.c.key)
        .where(event.c.project_id == project_id, event.c.key.startswith(f"{client}:"))
        .order_by(event.c.number.desc())
        .limit(1)
    ).scalar()
    return 0 if key is None else int(key.rpartition(":")[2])


def _must_follow(newest: int, run: range, refused: Collection[int]) -> None:
    known = {each for each in refused if type(each) is int}
    missing = next((seq for seq in range(newest + 1, run.start) if seq not in known), None)
    if missing is not None:
        raise ValueError(
            f"Decision {missing} of this page never arrived, so those from {run.start} on were "
            "not saved either: the order would be lost. Reload the page and decide again."
        )


def _stored(conn: Connection, project_id: int, key: str) -> Event | None:
    row = conn.execute(
        select(event).where(event.c.project_id == project_id, event.c.key == key)
    ).one_or_none()
    return None if row is None else from_row(row)


def _must_be_the_same(stored: Event, entry: Entry, access: Access) -> None:
    mine = (access.reader_id, entry.kind, entry.position, entry.measured())
    there = (
        stored.reader_id,
        stored.kind,
        stored.position,
        {name: stored.payload.get(name) for name in entry.measured()},
    )
    given = entry.kind is EventKind.UNDO or entry.class_id in (None, stored.class_id)
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
    about: dict[str, Any] = {"position": entry.position, "payload": entry.measured()}
    if entry.kind is EventKind.UNDO:
        about["target"] = _target(conn, project_id, entry)
    elif rule_of(entry.kind).verdict:
        verdict = judged(conn, access, project_id, entry)
        about |= {"class_id": verdict.class_id, "round_id": verdict.round_id}
        about["payload"] |= verdict.payload
    else:
        about["class_id"] = entry.class_id
    return events.append(
        conn,
        project_id,
        entry.kind,
        key=f"{client}:{entry.seq}",
        reader_id=access.reader_id,
        **about,
    )


def _target(conn: Connection, project_id: int, entry: Entry) -> int:
    """The number of the event that an undo names, by its number or by its key."""
    if entry.target is not None:
        return entry.target
    number = conn.execute(
        select(event.c.number).where(event.c.project_id == project_id, event.c.key == entry.of)
    ).scalar()
    if number is None:
        raise Refused("There is nothing to take back: that decision was refused.")
    return int(number)


def _conflict(conn: Connection, access: Access, project_id: int, entry: Entry) -> list[Conflict]:
    """What another reader has said about the image that this reader labels now."""
    if entry.kind is not EventKind.LABEL:
        return []
    row = conn.execute(
        select(
            reader.c.name.label("reader"),
            current_label.c.class_id,
            label_class.c.name,
            current_label.c.source,
        )
        .join(label_class, label_class.c.id == current_label.c.class_id)
        .join(
            event,
            (event.c.project_id == current_label.c.project_id)
            & (event.c.number == current_label.c.event_number),
        )
        .join(reader, reader.c.id == event.c.reader_id)
        .where(
            current_label.c.project_id == project_id,
            current_label.c.position == entry.position,
            event.c.reader_id != access.reader_id,
            ~label_class.c.retired,
        )
    ).one_or_none()
    if row is None or entry.position is None:
        return []
    return [
        Conflict(entry.seq, entry.position, row.reader, row.class_id, row.name, Source(row.source))
    ]


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(each) for each in first["loc"])
    said = first["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{where}: {said}." if where else f"{said}."
