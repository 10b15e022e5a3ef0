"""What a reader decides about single images: one function a decision, one event an image."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.store import projects
from sslapp.store.database import writing
from sslapp.store.log import events
from sslapp.store.log.chain import canonical
from sslapp.store.log.events import Draft, Event
from sslapp.store.log.kinds import Action, rule_of
from sslapp.store.state import ProjectState, load_state
from sslapp.usecases.access import Access, find_project, new_key, require
from sslapp.usecases.projects.classes import class_id
from sslapp.usecases.reviewing.predictions import Predictions, read_predictions
from sslapp.vocabulary import EventKind, Role, Source

Positions = NDArray[np.int64]


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
        said = {"position": position, "payload": payload or {}}
        named = class_named(conn, project_id, class_name)
        if stored := repeated(conn, access, project_id, kind, key, class_id=named, **said):
            return stored
        return append(
            conn,
            access,
            project_id,
            kind,
            key=key,
            class_id=class_id(conn, project_id, class_name),
            **said,
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


def accept(
    access: Access,
    project: str | int | None,
    positions: Sequence[int],
    *,
    round_number: int | None = None,
) -> list[Event]:
    """Accept the round's class for single images that were on screen, one event each."""
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        predictions = read_predictions(conn, access.workspace, project_id, round_number)
        wanted = np.unique(np.asarray(positions, dtype=np.int64))
        state = load_state(conn, project_id)
        columns, confidence = predictions.best(wanted, state)
        must_be_in_pool(state, wanted)
        return [
            append(
                conn,
                access,
                project_id,
                EventKind.ACCEPT,
                position=int(position),
                class_id=predictions.class_ids[column],
                round_id=predictions.round_id,
                payload={"confidence": round(float(value), 6)},
            )
            for position, column, value in zip(wanted, columns, confidence, strict=True)
        ]


def reject(
    access: Access,
    project: str | int | None,
    position: int,
    class_name: str | None = None,
    *,
    round_number: int | None = None,
) -> Event:
    """Record that an image which was on screen is *not* of a class; default: the proposed one."""
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        state = load_state(conn, project_id)
        _must_not_be_blind(state, position)
        predictions = _predictions_if_any(conn, access, project_id, round_number, class_name)
        if class_name is not None:
            rejected = class_id(conn, project_id, class_name)
        else:
            assert predictions is not None
            columns, _ = predictions.best(np.array([position], dtype=np.int64), state)
            rejected = predictions.class_ids[columns[0]]
        return append(
            conn,
            access,
            project_id,
            EventKind.REJECT,
            position=position,
            class_id=rejected,
            round_id=predictions.round_id if predictions else None,
        )


def relabel(
    access: Access,
    project: str | int | None,
    position: int,
    class_name: str,
    *,
    round_number: int | None = None,
) -> Event:
    """Record the right class for an image whose proposed class is wrong."""
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        _must_not_be_blind(load_state(conn, project_id), position)
        predictions = read_predictions(conn, access.workspace, project_id, round_number)
        return append(
            conn,
            access,
            project_id,
            EventKind.RELABEL,
            position=position,
            class_id=class_id(conn, project_id, class_name),
            round_id=predictions.round_id,
        )


def undo(access: Access, project: str | int | None, number: int) -> Event:
    """Take back one of the reader's own decisions; undoing an undo restores it."""
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
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
    **said: Any,
) -> Event | None:
    """The event that a client's key made before; None for a new key.

    Asked before anything that the event itself may have changed: a client that did not get its
    answer gets it when it asks again.

    Args:
        said: fields of the event as the client says them.

    Raises:
        KeyReused: when the key was used by another reader or for another content.
    """
    stored = None if key is None else events.find(conn, project_id, key)
    if stored is None:
        return None
    row = {**stored.__dict__, "payload": canonical(stored.payload), "members": _listed(stored)}
    said = {**said, "kind": kind, "reader_id": access.reader_id}
    if "payload" in said:
        said["payload"] = canonical(said["payload"])
    if "members" in said:
        said["members"] = said["members"].tolist()
    if any(row[name] != value for name, value in said.items()):
        raise events.reused(stored)
    return stored


def class_named(conn: Connection, project_id: int, name: str) -> int | None:
    """The id of the class with that name, retired or not; None when there is none."""
    known = projects.classes(conn, project_id, retired=True)
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


def must_be_in_pool(state: ProjectState, positions: Positions) -> None:
    """Check that images may take a pseudo-label.

    Raises:
        ValueError: when not all do, saying why the first does not.
    """
    outside = positions[~np.isin(positions, state.pool)]
    if len(outside) == 0:
        return
    first = int(outside[0])
    why = "is not in the project"
    if 0 <= first < len(state.labels):
        why = _why_not_in_pool(state, first)
    raise ValueError(
        f"{len(outside)} of {len(positions)} cannot take a pseudo-label; image {first} {why}."
    )


def _must_not_be_blind(state: ProjectState, position: int) -> None:
    """Holdout and test images measure; whoever judges them must not have seen a prediction."""
    if 0 <= position < len(state.labels) and (state.holdout | state.is_test)[position]:
        raise ValueError(
            f"Image {position} {_why_not_in_pool(state, position)}, where a judgement on a "
            "prediction would spoil the measurement. Give it a label instead."
        )


def _why_not_in_pool(state: ProjectState, position: int) -> str:
    if state.is_test[position]:
        return "belongs to the test split"
    if state.holdout[position]:
        return "belongs to the holdout"
    if state.labels[position] >= 0:
        source = Source(int(state.source[position])).name.lower()
        return f"already has a label (source: {source}); relabel it or undo that decision"
    return "has every class rejected"


def _predictions_if_any(
    conn: Connection,
    access: Access,
    project_id: int,
    round_number: int | None,
    class_name: str | None,
) -> Predictions | None:
    try:
        return read_predictions(conn, access.workspace, project_id, round_number)
    except ValueError:
        if class_name is None or round_number is not None:
            raise
        return None  # a class named by hand needs no round
