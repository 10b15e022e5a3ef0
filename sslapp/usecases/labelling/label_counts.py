"""Labels of a project by class, counted once and then kept up with the event log.

Counting costs what there is to count, and a page asks after every key. What every image counts for
is kept in this process, 6 bytes an image; a later event makes only the images that it names be
read again. The log vouches for what was kept: another event at its number, and all is read anew.
"""

import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine

from sslapp.store import labels
from sslapp.store.images import image_count
from sslapp.store.log import events
from sslapp.store.log.chain import GENESIS
from sslapp.store.log.decisions import touched_since
from sslapp.vocabulary import Source

KEPT = 16
"""Projects whose counts are kept; the one unused for longest goes first."""

REREAD = 500
"""After more events than this, all is counted anew: that is quicker."""

NO_LABEL = -1


@dataclass(frozen=True)
class LabelCounts:
    """Labels by class id, of retired classes too.

    Attributes:
        labels: of all images.
        judged: of those of the holdout that a reader gave.
        holdout: how many images are drawn for it.
    """

    labels: Counter[int]
    judged: Counter[int]
    holdout: int


def label_counts(engine: Engine, conn: Connection, project_id: int) -> LabelCounts:
    """Count the labels as the connection sees them.

    Args:
        conn: a transaction of the engine.
    """
    with _lock:
        kept = _kept.pop((engine, project_id), None) or _Kept()
        head = events.head(conn, project_id)
        if head[0] < kept.head[0]:  # the transaction began before the one that was counted last
            older = _Kept()
            older.read(conn, project_id)
            _kept[engine, project_id] = kept
            return older.counts()
        if head != kept.head:
            kept.follow(conn, project_id, head)
        _kept[engine, project_id] = kept
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
        return kept.counts()


@dataclass(eq=False)
class _Kept:
    """What each of N images counts for at the event of `head`, and the sums."""

    head: tuple[int, str] = (0, GENESIS)
    class_of: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    by_reader: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    drawn: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    labels: Counter[int] = field(default_factory=Counter)
    judged: Counter[int] = field(default_factory=Counter)
    holdout: int = 0

    def counts(self) -> LabelCounts:
        return LabelCounts(self.labels.copy(), self.judged.copy(), self.holdout)

    def follow(self, conn: Connection, project_id: int, head: tuple[int, str]) -> None:
        """Bring the counts to a later event."""
        same_log = events.up_to(conn, project_id, self.head[0]) == self.head
        touched = None
        if same_log and self.head[0]:
            touched = touched_since(conn, project_id, self.head[0], at_most=REREAD)
        if touched is None or len(touched) > REREAD:
            self.read(conn, project_id)
        else:
            self._make_room(image_count(conn, project_id))
            self._count(touched, -1)
            self._take(
                touched,
                labels.label_rows(conn, project_id, touched),
                labels.holdout_positions(conn, project_id, touched),
            )
            self._count(touched, +1)
        self.head = head

    def read(self, conn: Connection, project_id: int) -> None:
        """Count all anew."""
        self.labels, self.judged, self.holdout = Counter(), Counter(), 0
        self._make_room(image_count(conn, project_id))
        everything = np.arange(len(self.class_of))
        self._take(
            everything,
            labels.label_rows(conn, project_id),
            labels.holdout_positions(conn, project_id),
        )
        self._count(everything, +1)

    def _make_room(self, count: int) -> None:
        more = count - len(self.class_of)
        if more > 0:
            self.class_of = np.pad(self.class_of, (0, more), constant_values=NO_LABEL)
            self.by_reader = np.pad(self.by_reader, (0, more))
            self.drawn = np.pad(self.drawn, (0, more))

    def _take(
        self,
        positions: NDArray[np.int64],
        rows: NDArray[np.int64],
        drawn: NDArray[np.int64],
    ) -> None:
        self.class_of[positions] = NO_LABEL
        self.by_reader[positions] = self.drawn[positions] = False
        self.class_of[rows[:, 0]] = rows[:, 1]
        self.by_reader[rows[:, 0]] = rows[:, 2] != Source.ACCEPTED
        self.drawn[drawn] = True

    def _count(self, positions: NDArray[np.int64], sign: int) -> None:
        classes = self.class_of[positions]
        held = classes != NO_LABEL
        judged = held & self.by_reader[positions] & self.drawn[positions]
        for counter, mask in ((self.labels, held), (self.judged, judged)):
            ids, numbers = np.unique(classes[mask], return_counts=True)
            for class_id, number in zip(ids.tolist(), numbers.tolist(), strict=True):
                counter[class_id] += sign * number
        self.holdout += sign * int(self.drawn[positions].sum())


_kept: OrderedDict[tuple[Engine, int], _Kept] = OrderedDict()
_lock = threading.Lock()
