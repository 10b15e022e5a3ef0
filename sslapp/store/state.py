"""What is decided so far, as arrays over all images of a project."""

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, func, select

from sslapp.store.images import splits
from sslapp.store.label_classes import classes
from sslapp.store.log.events import head
from sslapp.store.log.kinds import READER_ACTIONS, kinds_where
from sslapp.store.schema import (
    current_label,
    event,
    forbidden_class,
    holdout,
    reader_label,
)
from sslapp.store.schema import withheld as withheld_table
from sslapp.vocabulary import Source

Positions = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Standing:
    """The labels of N images in C classes at one event number.

    Attributes:
        event_number: everything up to this event is in it.
        class_ids: (C,) int64, the live classes by number; column c of every array is class_ids[c].
        labels: (N,) int64 column, -1 for none; a label of a retired class is none.
        source: (N,) uint8 codes of vocabulary.Source.
        forbidden: (N, C) bool.
        holdout: (N,) bool.
        is_test: (N,) bool.
    """

    event_number: int
    class_ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    source: NDArray[np.uint8]
    forbidden: NDArray[np.bool_]
    holdout: NDArray[np.bool_]
    is_test: NDArray[np.bool_]

    @property
    def pool(self) -> Positions:
        """(n,) int64: images that may receive pseudo-labels."""
        out = self.is_test | self.holdout | (self.labels >= 0) | self._all_forbidden
        return np.flatnonzero(~out)

    @property
    def none_of_these(self) -> Positions:
        """(n,) int64: unlabelled images for which every class was rejected."""
        return np.flatnonzero(self._all_forbidden & (self.labels < 0))

    @property
    def labelled(self) -> Positions:
        """(n,) int64: images to train on with their label."""
        return np.flatnonzero((self.labels >= 0) & ~self.holdout & ~self.is_test)

    @property
    def validation(self) -> Positions:
        """(n,) int64: holdout images with a label that a reader gave, not an accepted one."""
        given = (self.labels >= 0) & (self.source != Source.ACCEPTED)
        return np.flatnonzero(self.holdout & given)

    @property
    def _all_forbidden(self) -> NDArray[np.bool_]:
        if self.forbidden.shape[1] == 0:
            return np.zeros(len(self.labels), dtype=np.bool_)
        return np.asarray(self.forbidden.all(axis=1))


@dataclass(frozen=True, kw_only=True, eq=False)
class ProjectState(Standing):
    """A Standing with what acquisition and the progress display want to know besides.

    Attributes:
        unsure: (N,) bool, where some reader's latest decision is "unsure".
        reader_actions: what the decisions cost so far; a bulk adds the images opened for it.
    """

    unsure: NDArray[np.bool_]
    reader_actions: int


def load_state(conn: Connection, project_id: int) -> ProjectState:
    """Read a project's state; in a `reading` block all of it is of one moment."""
    is_test = splits(conn, project_id)
    count = len(is_test)
    class_ids = np.array([row.id for row in classes(conn, project_id)], dtype=np.int64)
    labels, source = _labels(conn, project_id, count, class_ids)
    unsure = select(reader_label.c.position).where(
        reader_label.c.project_id == project_id, reader_label.c.class_id.is_(None)
    )
    drawn = select(holdout.c.position).where(holdout.c.project_id == project_id)
    return ProjectState(
        event_number=head(conn, project_id)[0],
        class_ids=class_ids,
        labels=labels,
        source=source,
        forbidden=_forbidden(conn, project_id, count, class_ids),
        holdout=_mask(conn, drawn, count),
        is_test=is_test,
        unsure=_mask(conn, unsure, count),
        reader_actions=_reader_actions(conn, project_id),
    )


def withheld(conn: Connection, project_id: int, round_id: int) -> Positions:
    """(n,) int64 sorted positions that are off the candidate list of this round."""
    rows = conn.execute(
        select(withheld_table.c.position)
        .where(withheld_table.c.project_id == project_id, withheld_table.c.round_id == round_id)
        .order_by(withheld_table.c.position)
    )
    return np.array(rows.scalars().all(), dtype=np.int64)


def _labels(
    conn: Connection, project_id: int, count: int, class_ids: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    labels = np.full(count, -1, dtype=np.int64)
    source = np.full(count, Source.NONE, dtype=np.uint8)
    rows = _array(
        conn,
        select(current_label.c.position, current_label.c.class_id, current_label.c.source).where(
            current_label.c.project_id == project_id
        ),
    )
    column = _columns_of(rows[:, 1], class_ids)
    live = column >= 0
    labels[rows[live, 0]] = column[live]
    source[rows[live, 0]] = rows[live, 2]
    return labels, source


def _forbidden(
    conn: Connection, project_id: int, count: int, class_ids: NDArray[np.int64]
) -> NDArray[np.bool_]:
    forbidden = np.zeros((count, len(class_ids)), dtype=np.bool_)
    rows = _array(
        conn,
        select(forbidden_class.c.position, forbidden_class.c.class_id).where(
            forbidden_class.c.project_id == project_id
        ),
    )
    column = _columns_of(rows[:, 1], class_ids)
    live = column >= 0
    forbidden[rows[live, 0], column[live]] = True
    return forbidden


def _columns_of(ids: NDArray[np.int64], class_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) int64: the column of each class id, -1 for a class that is not live."""
    if len(class_ids) == 0:
        return np.full(len(ids), -1, dtype=np.int64)
    order = np.argsort(class_ids)
    place = order[np.searchsorted(class_ids, ids, sorter=order).clip(max=len(order) - 1)]
    return np.where(class_ids[place] == ids, place, -1)


def _mask(conn: Connection, query: Select[int], count: int) -> NDArray[np.bool_]:
    mask = np.zeros(count, dtype=np.bool_)
    mask[np.array(conn.execute(query).scalars().all(), dtype=np.int64)] = True
    return mask


def _array(conn: Connection, query: Select[*tuple[int, ...]]) -> NDArray[np.int64]:
    """(rows, columns) int64 of a query over integer columns."""
    rows = [tuple(row) for row in conn.execute(query)]
    return np.array(rows, dtype=np.int64).reshape(len(rows), len(query.selected_columns))


def _reader_actions(conn: Connection, project_id: int) -> int:
    mine = event.c.project_id == project_id
    made = conn.execute(
        select(func.count()).where(mine, event.c.kind.in_(READER_ACTIONS))
    ).scalar_one()
    bulks = kinds_where(lambda rule: rule.bulk)
    opened = conn.execute(select(event.c.payload).where(mine, event.c.kind.in_(bulks))).scalars()
    return made + sum(int(json.loads(payload).get("opened", 0)) for payload in opened)
