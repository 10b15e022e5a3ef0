"""What to label next, and why; images drawn for the holdout are recorded as drawn."""

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from sslapp import durable
from sslapp.acquisition.state import Pick, Situation
from sslapp.store import events, images
from sslapp.store.database import reading, writing
from sslapp.store.schema import event, undone
from sslapp.store.state import ProjectState, load_state
from sslapp.usecases.access import Access, find_project, new_key
from sslapp.usecases.embeddings import latest_embedding
from sslapp.usecases.predictions import Predictions, read_predictions
from sslapp.vocabulary import EventKind


def next_images(
    access: Access,
    project: str | int | None,
    count: int = 1,
    *,
    strategy: str = "auto",
    seed: int = 0,
) -> list[Pick]:
    """Choose `count` images to label, each with its reason.

    Images that were drawn for the holdout and still wait for a label come first. New holdout
    picks are recorded, since from then on they are in no pool; asking twice draws no second one.

    Raises:
        ValueError: when nothing is embedded yet, or the strategy is unknown.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        state = load_state(conn, project_id)
        passed_over = _passed_over(conn, project_id, access.reader_id, state)
        waiting = _waiting(state, passed_over)[:count]
        picks = [Pick(int(each), "holdout", WAITING, True, 0.0) for each in waiting]
        situation = None
        if len(picks) < count:
            situation = _situation(conn, access, project_id, state, passed_over)
    if situation is not None:  # outside any transaction: clustering takes seconds on a large set
        # scikit-learn and FAISS: a second that other commands need not wait
        from sslapp.acquisition.registry import pick

        picks += pick(strategy, situation, count - len(picks), seed)
    _draw(access, project_id, [each for each in picks if each.holdout])
    return picks


def _draw(access: Access, project_id: int, picks: list[Pick]) -> None:
    """Record holdout picks as drawn, but for what another reader drew or labelled meanwhile."""
    if not picks:
        return
    with writing(access.engine, project_id) as conn:
        pool = load_state(conn, project_id).pool
        for each in picks:
            if each.position in pool:
                events.append(
                    conn,
                    project_id,
                    EventKind.DRAW_HOLDOUT,
                    key=new_key(),
                    position=each.position,
                )


WAITING = "Drawn at random for the holdout earlier and not labelled yet."


def _waiting(state: ProjectState, passed_over: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.flatnonzero(state.holdout & (state.labels < 0) & ~passed_over).astype(np.int64)


def _passed_over(
    conn: Connection, project_id: int, reader_id: int, state: ProjectState
) -> NDArray[np.bool_]:
    """(N,) images that this reader skipped or nobody was sure of; not offered again by itself."""
    passed = state.unsure.copy()
    skipped = (
        select(event.c.position)
        .outerjoin(
            undone,
            (undone.c.project_id == event.c.project_id) & (undone.c.number == event.c.number),
        )
        .where(
            event.c.project_id == project_id,
            event.c.kind == EventKind.SKIP,
            event.c.reader_id == reader_id,
            undone.c.number.is_(None),
        )
    )
    for position in conn.execute(skipped).scalars():
        passed[position] = True
    return passed


def _situation(
    conn: Connection,
    access: Access,
    project_id: int,
    state: ProjectState,
    passed_over: NDArray[np.bool_],
) -> Situation:
    row = latest_embedding(conn, project_id)
    count = len(state.labels)
    if row is None or row["count"] < count:
        raise ValueError("Not all images are embedded yet. Run `sslapp embed` and wait for it.")
    features = durable.read_array(access.workspace.path(row["features"]))
    pool = state.pool
    return Situation(
        features=features.astype(np.float32, copy=False),
        labels=np.where(state.holdout, -1, state.labels),
        candidates=pool[~passed_over[pool]],
        num_classes=len(state.class_ids),
        probabilities=_probabilities(conn, access, project_id, state),
        groups=images.groups(conn, project_id),
        holdout=np.flatnonzero(state.holdout).astype(np.int64),
        holdout_labels=len(state.validation),
        picks_before=_picks_before(conn, project_id),
    )


def _probabilities(
    conn: Connection, access: Access, project_id: int, state: ProjectState
) -> NDArray[np.float32] | None:
    """The newest round's probabilities in today's columns and length, 1/C where it has none."""
    try:
        found: Predictions = read_predictions(conn, access.workspace, project_id)
    except ValueError:
        return None
    classes = len(state.class_ids)
    table = np.full((len(state.labels), classes), 1 / classes, dtype=np.float32)
    rows = len(found.probabilities)
    for column, class_id in enumerate(state.class_ids.tolist()):
        known = class_id in found.class_ids
        table[:rows, column] = (
            found.probabilities[:, found.class_ids.index(class_id)] if known else 0
        )
    return table


def _picks_before(conn: Connection, project_id: int) -> int:
    """How many single labels were given so far; a label is what a pick turns into."""
    given = select(func.count()).where(
        event.c.project_id == project_id, event.c.kind == EventKind.LABEL
    )
    return int(conn.execute(given).scalar_one())
