"""What a reader decides about single images: one function a decision, one event an image."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from sslapp.store import label_classes
from sslapp.store.database import writing
from sslapp.store.integrity.canonical import canonical
from sslapp.store.log import events
from sslapp.store.log.events import Draft, Event
from sslapp.store.log.kinds import Action, rule_of
from sslapp.store.log.origins import taken_back_along
from sslapp.usecases.access import Access, find_project, new_key, require
from sslapp.usecases.projects.classes import class_id, live_class_ids
from sslapp.vocabulary import EventKind, Role, Sight

ADDED = ("proof", "unproven")
"""What the program adds to the payload that a client sent."""


def label(
    access: Access,
    project: str | int | None,
    position: int,
    class_name: str,
    *,
    key: str | None = None,
    adjudicate: bool = False,
    payload: Mapping[str, Any] | None = None,
) -> Event:
    """Record the reader's class for one image.

    Args:
        key: made by the client; the same key again returns the event it already made.
        adjudicate: settle a disagreement; needs the adjudicator's role and wins over readers.
        payload: what the client measured (milliseconds, strategy, window, ...).
    """
    kind = EventKind.ADJUDICATE if adjudicate else EventKind.LABEL
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        if adjudicate:
            require(conn, access, project_id, Role.ADJUDICATOR)
        content = {"position": position, "payload": {"sight": Sight.NOTHING, **(payload or {})}}
        named = class_named(conn, project_id, class_name)
        if stored := repeated(conn, access, project_id, kind, key, class_id=named, **content):
            return stored
        return append(
            conn,
            access,
            project_id,
            kind,
            key=key,
            class_id=class_id(conn, project_id, class_name),
            **content,
        )


def label_many(
    access: Access, project: str | int | None, labels: Iterable[tuple[int, str]], origin: str
) -> int:
    """Record a class for many images, all or none, and return how many.

    Args:
        labels: (position, class name) pairs.
        origin: where they come from; kept with each event.

    Raises:
        ValueError: for an unknown class or image; then nothing is saved.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        return append_labels(conn, access, project_id, labels, origin)


def append_labels(
    conn: Connection,
    access: Access,
    project_id: int,
    labels: Iterable[tuple[int, str]],
    origin: str,
) -> int:
    """The same in an open write transaction."""
    pairs = list(labels)
    ids = {name: class_id(conn, project_id, name) for name in {name for _, name in pairs}}
    entries = [
        Draft(
            kind=EventKind.LABEL,
            key=new_key(),
            reader_id=access.reader_id,
            position=position,
            class_id=ids[name],
            payload={"origin": origin},
        )
        for position, name in pairs
    ]
    events.append_many(conn, project_id, entries)
    return len(entries)


def note(
    access: Access,
    project: str | int | None,
    kind: EventKind,
    position: int,
    *,
    key: str | None = None,
    payload: Mapping[str, Any] | None = None,
) -> Event:
    """Record unsure, skip or flag for one image."""
    if rule_of(kind).action is not Action.NOTE:
        raise ValueError(f"{kind} is not a note; use unsure, skip or flag.")
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        return append(
            conn,
            access,
            project_id,
            kind,
            key=key,
            position=position,
            payload=payload,
        )


def none_of_these(
    access: Access, project: str | int | None, positions: Sequence[int]
) -> list[Event]:
    """Record that none of the project's classes fits single images, one event each, or none.

    It takes their labels away and them out of the pool, until somebody gives one a class or a class
    is added.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        out = live_class_ids(conn, project_id)
        drafts = [
            Draft(
                kind=EventKind.NONE,
                key=new_key(),
                reader_id=access.reader_id,
                position=position,
                member_classes=out,
                payload={"sight": Sight.NOTHING},
            )
            for position in dict.fromkeys(positions)
        ]
        return events.append_many(conn, project_id, drafts)


def undo(access: Access, project: str | int | None, number: int) -> Event:
    """Take back one of the reader's own decisions; undoing an undo restores it.

    An import of labels is several events, one a source; it is taken back, and restored, as one.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        for each in taken_back_along(conn, project_id, number):
            append(conn, access, project_id, EventKind.UNDO, target=each)
        return append(
            conn,
            access,
            project_id,
            EventKind.UNDO,
            target=number,
        )


def repeated(
    conn: Connection,
    access: Access,
    project_id: int,
    kind: EventKind,
    key: str | None,
    **content: Any,
) -> Event | None:
    """The event that a client's key made before; None for a new key.

    Asked before anything that the event itself may have changed: a client that did not get its
    answer gets it when it asks again.

    Args:
        content: fields of the event as the client sent them.

    Raises:
        KeyReused: when the key was used by another reader or for another content.
    """
    stored = None if key is None else events.find(conn, project_id, key)
    if stored is None:
        return None
    kept = {name: value for name, value in stored.payload.items() if name not in ADDED}
    row = {**stored.__dict__, "payload": canonical(kept), "members": _listed(stored)}
    sent = {**content, "kind": kind, "reader_id": access.reader_id}
    if "payload" in sent:
        sent["payload"] = canonical(sent["payload"])
    if "members" in sent:
        sent["members"] = sent["members"].tolist()
    if any(row[name] != value for name, value in sent.items()):
        raise events.reused(stored)
    return stored


def class_named(conn: Connection, project_id: int, name: str) -> int | None:
    """The id of the class with that name, retired or not; None when there is none."""
    known = label_classes.classes(conn, project_id, retired=True)
    return next((each.id for each in known if each.name == name), None)


def _listed(stored: Event) -> list[int] | None:
    return None if stored.members is None else stored.members.tolist()


def append(
    conn: Connection,
    access: Access,
    project_id: int,
    kind: EventKind,
    *,
    key: str | None = None,
    **about: Any,
) -> Event:
    """Append the reader's decision; `about` as for `events.append`."""
    return events.append(
        conn, project_id, kind, key=key or new_key(), reader_id=access.reader_id, **about
    )
