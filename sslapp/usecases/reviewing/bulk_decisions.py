"""What a reader decides about many images at once: one event that one undo takes back."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from sslapp.store.database import writing
from sslapp.store.log.events import Event
from sslapp.store.schema import round_
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.labelling.decisions import (
    Positions,
    append,
    class_named,
    must_be_in_pool,
    repeated,
)
from sslapp.usecases.projects.classes import class_id
from sslapp.usecases.reviewing.predictions import read_predictions
from sslapp.vocabulary import EventKind


def bulk_accept(
    access: Access,
    project: str | int | None,
    positions: Positions,
    *,
    round_number: int | None = None,
    opened: int = 0,
    payload: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Event:
    """Accept the round's classes for many images as one decision that one undo takes back.

    Args:
        opened: how many of the images the reader looked at one by one for it.
        payload: what selected them: threshold, polygon, class.
    """
    said = _said(positions, payload, opened)
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        about = said | _of_round(conn, project_id, round_number)
        if stored := repeated(conn, access, project_id, EventKind.BULK_ACCEPT, key, **about):
            return stored
        predictions = read_predictions(conn, access.workspace, project_id, round_number)
        state = load_state(conn, project_id)
        columns, _ = predictions.best(said["members"], state)
        must_be_in_pool(state, said["members"])
        return append(
            conn,
            access,
            project_id,
            EventKind.BULK_ACCEPT,
            key=key,
            round_id=predictions.round_id,
            member_classes=np.asarray(predictions.class_ids, dtype=np.int64)[columns],
            **said,
        )


def withhold(
    access: Access,
    project: str | int | None,
    positions: Sequence[int] | Positions,
    *,
    round_number: int | None = None,
    opened: int = 0,
    payload: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Event:
    """Take candidates off the list until the next round, as one decision."""
    said = _said(positions, payload, opened)
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        about = said | _of_round(conn, project_id, round_number)
        if stored := repeated(conn, access, project_id, EventKind.BULK_WITHHOLD, key, **about):
            return stored
        predictions = read_predictions(conn, access.workspace, project_id, round_number)
        return append(
            conn,
            access,
            project_id,
            EventKind.BULK_WITHHOLD,
            key=key,
            round_id=predictions.round_id,
            **said,
        )


def bulk_relabel(
    access: Access,
    project: str | int | None,
    positions: Sequence[int] | Positions,
    class_name: str,
    *,
    round_number: int | None = None,
    opened: int = 0,
    payload: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Event:
    """Give many images of the pool one class, against what the round proposes, as one decision.

    The labels count as accepted pseudo-labels, not as an expert's: nobody looked at each image.
    """
    said = _said(positions, payload, opened)
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        about = said | _of_round(conn, project_id, round_number)
        about["class_id"] = class_named(conn, project_id, class_name)
        if stored := repeated(conn, access, project_id, EventKind.BULK_RELABEL, key, **about):
            return stored
        predictions = read_predictions(conn, access.workspace, project_id, round_number)
        must_be_in_pool(load_state(conn, project_id), said["members"])
        return append(
            conn,
            access,
            project_id,
            EventKind.BULK_RELABEL,
            key=key,
            round_id=predictions.round_id,
            class_id=class_id(conn, project_id, class_name),
            **said,
        )


def _said(
    positions: Sequence[int] | Positions, payload: Mapping[str, Any] | None, opened: int
) -> dict[str, Any]:
    """Members and payload of a bulk decision."""
    members = np.unique(np.asarray(positions, dtype=np.int64))
    return {"members": members, "payload": {**(payload or {}), "opened": opened}}


def _of_round(conn: Connection, project_id: int, number: int | None) -> dict[str, Any]:
    """The round's id if one is named; the newest may be another by now."""
    if number is None:
        return {}
    query = select(round_.c.id).where(round_.c.project_id == project_id, round_.c.number == number)
    return {"round_id": conn.execute(query).scalar()}
