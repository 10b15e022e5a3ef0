"""What to label next, and why; images drawn for the holdout are recorded as drawn."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp import durable
from sslapp.acquisition import holdout
from sslapp.acquisition.cards import STRATEGY_CARDS
from sslapp.acquisition.state import Pick, Situation, Votes
from sslapp.review.disagreement import NOTHING, opinions
from sslapp.rounds.predictions import Predictions, in_columns, predictions_of
from sslapp.store import images, label_classes, projects
from sslapp.store.database import reading, writing
from sslapp.store.embeddings import latest_embedding
from sslapp.store.log import events
from sslapp.store.log.chain import now
from sslapp.store.log.decisions import count_kind, positions_decided
from sslapp.store.people import leases
from sslapp.store.rounds import newest_finished
from sslapp.store.state import ProjectState, load_state
from sslapp.usecases.access import Access, find_project, new_key
from sslapp.usecases.images.prompts import likeness
from sslapp.vocabulary import EventKind, Purpose

BLIND_STRATEGIES = ("auto", "random", holdout.NAME)
"""Those that do without an embedding; without one "auto" draws at random."""


class NotEmbedded(ValueError):
    """Not every image has features yet, and a strategy was asked that looks at them."""


def next_images(
    access: Access,
    project: str | int | None,
    count: int = 1,
    *,
    strategy: str = "auto",
    seed: int = 0,
    have: Sequence[int] = (),
    considered: int | None = None,
    embedded: bool = True,
    spread: bool = False,
) -> list[Pick]:
    """Choose `count` images to label, each with its reason.

    Images that were drawn for the holdout and still wait for a label come first. New holdout
    picks are recorded, since from then on they are in no pool; asking twice draws no second one.
    What other readers have before them is left out while the project asks for single reads.

    Args:
        have: images that were offered and wait for an answer; they are not offered again.
        considered: most images that are compared with each other; see `Situation`.
        embedded: False chooses without features: at random, with the holdout's share in "auto".
        spread: those that wait take the holdout's places among the picks instead of coming first.

    Raises:
        NotEmbedded: when images are not embedded yet.
        ValueError: when the strategy is unknown, or needs a round, or one with members, and there
            is none.
    """
    offered = np.asarray(have, dtype=np.int64)
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        state = load_state(conn, project_id)
        passed_over = _passed_over(conn, project_id, access.reader_id, state)
        passed_over[offered[offered < len(passed_over)]] = True
        passed_over[_before_others(conn, project_id, access.reader_id)] = True
        waiting = [_waiting_pick(each) for each in _waiting(state, passed_over)[:count]]
        if len(waiting) == count and not spread:
            return waiting
        newest = _newest(conn, access, project_id, state)
        situation = replace(
            _situation(
                conn, access, project_id, state, passed_over, newest=newest, embedded=embedded
            ),
            pending=len(offered),
            pending_holdout=int(state.holdout[offered[offered < len(passed_over)]].sum()),
            considered=considered,
        )
        card = STRATEGY_CARDS.get(strategy)
        asks_members = card is not None and card.needs_members
        if newest is not None and asks_members:
            rows = situation.compared(seed)
            votes = _votes(conn, access, newest, rows, len(state.labels))
            situation = replace(situation, votes=votes)
    if card is not None and card.needs_text:  # outside: reading new words takes seconds
        rows = situation.compared(seed)
        found = likeness(access, project_id, rows, len(state.labels))
        situation = replace(situation, likeness=found)
    places = list(range(len(waiting)))
    if spread and strategy != holdout.NAME:
        places = [at for at, mine in enumerate(holdout.slots(situation, count)) if mine]
    again, later = waiting[: len(places)], waiting[len(places) :]
    if not embedded and strategy not in BLIND_STRATEGIES:
        strategy = "random"  # the others look at features
    picks = _choose(strategy, situation, again, count - len(again), seed)
    _draw(access, project_id, [each for each in picks if each.holdout])
    for place, each in zip(places, again, strict=False):
        picks.insert(place, each)
    return (picks + later)[:count]  # those wait for another time unless nothing else is left


def _choose(
    strategy: str, situation: Situation, again: Sequence[Pick], count: int, seed: int
) -> list[Pick]:
    """`count` new picks besides those that are offered again.

    Outside any transaction, because clustering takes seconds on a large set.
    """
    if count == 0:
        return []
    # scikit-learn and FAISS: a second that other commands need not wait
    from sslapp.acquisition.registry import pick

    situation = replace(
        situation,
        pending=situation.pending + len(again),
        pending_holdout=situation.pending_holdout + len(again),
    )
    return pick(strategy, situation, count, seed)


def _before_others(conn: Connection, project_id: int, reader_id: int) -> NDArray[np.int64]:
    if not projects.find_project(conn, project_id).settings.single_reads:
        return np.zeros(0, dtype=np.int64)
    return leases.others(conn, project_id, reader_id, Purpose.LABEL, now())


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


def _waiting_pick(position: np.int64) -> Pick:
    return Pick(int(position), holdout.NAME, WAITING, holdout=True, score=0.0)


def _waiting(state: ProjectState, passed_over: NDArray[np.bool_]) -> NDArray[np.int64]:
    waiting = state.holdout & (state.labels < 0) & ~passed_over
    waiting[state.none_of_these] = False  # that is an answer too
    return np.flatnonzero(waiting).astype(np.int64)


def _passed_over(
    conn: Connection, project_id: int, reader_id: int, state: ProjectState
) -> NDArray[np.bool_]:
    """(N,) images that this reader skipped or nobody was sure of; not offered again by itself."""
    passed = state.unsure.copy()
    for position in positions_decided(conn, project_id, reader_id, [EventKind.SKIP]):
        passed[position] = True
    return passed


def _situation(
    conn: Connection,
    access: Access,
    project_id: int,
    state: ProjectState,
    passed_over: NDArray[np.bool_],
    *,
    newest: Predictions | None,
    embedded: bool,
) -> Situation:
    """How things stand, without what the newest round's members say."""
    count = len(state.labels)
    features: NDArray[np.float32] = np.zeros((count, 0), dtype=np.float32)
    if embedded:
        row = latest_embedding(conn, project_id)
        if row is None or row["count"] < count:
            raise NotEmbedded(
                "Not all images are embedded yet. Run `sslapp embed` and wait for it."
            )
        stored = durable.read_array(access.workspace.path(row["features"]))
        features = stored.astype(np.float32, copy=False)
    pool = state.pool
    return Situation(
        features=features,
        labels=np.where(state.holdout, -1, state.labels),
        candidates=pool[~passed_over[pool]],
        num_classes=len(state.class_ids),
        probabilities=None
        if newest is None
        else in_columns(newest, state.class_ids.tolist(), count),
        groups=images.groups(conn, project_id),
        holdout=np.flatnonzero(state.holdout).astype(np.int64),
        holdout_labels=len(state.validation),
        # a label is what a pick turns into
        picks_before=count_kind(conn, project_id, EventKind.LABEL),
    )


def _newest(
    conn: Connection, access: Access, project_id: int, state: ProjectState
) -> Predictions | None:
    """What the newest finished round says of all images that it covers."""
    found = newest_finished(conn, project_id)
    if found is None or len(state.class_ids) == 0:  # earlier versions let the last class be retired
        return None
    return predictions_of(access.workspace, found, state)


def _votes(
    conn: Connection,
    access: Access,
    newest: Predictions,
    compared: NDArray[np.int64],
    count: int,
) -> Votes | None:
    """What the members of the newest round's ensemble say of some images, if it has members.

    Args:
        compared: those images.
        count: N, images by now; of the others, and of those that the round does not cover, it is as
            if nothing were said.
    """
    members = newest.round.read_members(access.workspace)
    if members is None:
        return None
    classes = label_classes.classes(conn, newest.round.project_id, retired=True)
    class_names = {each.id: each.name for each in classes}
    rows = compared[compared < len(newest)]
    found = opinions(members.probabilities, rows, newest.forbidden[rows])
    votes = Votes(
        members=members.names,
        classes=tuple(class_names[each] for each in newest.round.class_ids),
        divergence=np.zeros(count, dtype=np.float32),
        columns=np.full((count, len(members.names)), NOTHING, dtype=np.int16),
        shares=np.zeros((count, len(members.names)), dtype=np.float32),
    )
    votes.divergence[rows] = found.divergence
    votes.columns[rows] = found.columns
    votes.shares[rows] = found.shares
    return votes
