"""What a reader decides about many images at once: one event that one undo takes back."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sslapp.store.database import writing
from sslapp.store.events import Event
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.decisions import Positions, append, must_be_in_pool
from sslapp.usecases.predictions import read_predictions
from sslapp.usecases.projects import class_id
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
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        predictions = read_predictions(conn, access.workspace, project_id, round_number)
        wanted = np.unique(np.asarray(positions, dtype=np.int64))
        state = load_state(conn, project_id)
        columns, _ = predictions.best(wanted, state)
        must_be_in_pool(state, wanted)
        return append(
            conn,
            access,
            project_id,
            EventKind.BULK_ACCEPT,
            key=key,
            round_id=predictions.round_id,
            members=wanted,
            member_classes=np.asarray(predictions.class_ids, dtype=np.int64)[columns],
            payload={**(payload or {}), "opened": opened},
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
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        predictions = read_predictions(conn, access.workspace, project_id, round_number)
        return append(
            conn,
            access,
            project_id,
            EventKind.BULK_WITHHOLD,
            key=key,
            round_id=predictions.round_id,
            members=np.unique(np.asarray(positions, dtype=np.int64)),
            payload={**(payload or {}), "opened": opened},
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
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        predictions = read_predictions(conn, access.workspace, project_id, round_number)
        wanted = np.unique(np.asarray(positions, dtype=np.int64))
        must_be_in_pool(load_state(conn, project_id), wanted)
        return append(
            conn,
            access,
            project_id,
            EventKind.BULK_RELABEL,
            key=key,
            round_id=predictions.round_id,
            class_id=class_id(conn, project_id, class_name),
            members=wanted,
            payload={**(payload or {}), "opened": opened},
        )
