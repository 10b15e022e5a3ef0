"""What was found to be wrong or odd, as a selection for the desk: which images, in what order, why.

What a job found is a file; what of it still asks for a decision is worked out from the labels of
now. A label that was confirmed or changed since is in question no more. Nothing that is said of an
image drawn to measure holds a class: whoever judges it must not have seen one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, RowMapping

from sslapp import durable
from sslapp.jobs import history
from sslapp.review.confidence import scaling_of
from sslapp.review.findings.found import NONE, Found
from sslapp.review.findings.rounds_apart import rounds_apart
from sslapp.review.proposals import best_classes
from sslapp.store.database import reading
from sslapp.store.labels import labelled_since
from sslapp.store.removal import last_withdrawal
from sslapp.store.rounds import finished_round, newest_finished
from sslapp.usecases.access import Access, require
from sslapp.usecases.reviewing.board import Board
from sslapp.vocabulary import Finding, JobKind, JobState, Source

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class PastSearch:
    """The newest search for something.

    Attributes:
        images: how many it found.
        at: when it ended.
        event_number: the labels that it saw are those after this event.
        under_way: whether a newer one waits or runs.
    """

    job_id: int
    images: int
    at: datetime
    event_number: int
    under_way: bool


@dataclass(frozen=True, eq=False)
class Queued:
    """n images of a finding, in the order to look at them.

    Attributes:
        positions: (n,) int64.
        questioned: (n,) bool: labelled, and in question: a reader keeps the label or gives another.
        missing: why there is nothing, where it could not be looked for; "" otherwise.
    """

    positions: NDArray[np.int64]
    questioned: Mask
    _say: Callable[[int], str]
    missing: str = ""

    def __len__(self) -> int:
        return len(self.positions)

    def about(self, wanted: NDArray[np.int64]) -> dict[int, tuple[str, bool]]:
        """Position -> why it is listed, in a line, and whether its label is in question."""
        there = np.flatnonzero(np.isin(self.positions, wanted)).tolist()
        return {
            int(self.positions[row]): (self._say(row), bool(self.questioned[row])) for row in there
        }


def newest_search(access: Access, project_id: int, finding: Finding) -> PastSearch | None:
    """The newest search that has ended; None before there is one, though one may be under way."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        row = _newest(conn, project_id, finding)
        if row is None:
            return None
        return PastSearch(
            job_id=row["id"],
            images=row["result"]["images"],
            at=row["finished_at"],
            event_number=row["result"]["event_number"],
            under_way=_is_under_way(conn, project_id, finding),
        )


def is_under_way(access: Access, project_id: int, finding: Finding) -> bool:
    """Whether something is being looked for."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        return _is_under_way(conn, project_id, finding)


def queued(
    access: Access, project_id: int, board: Board, finding: Finding, against: int | None = None
) -> Queued:
    """The images of a finding that the board covers.

    Args:
        against: the round to hold the board's against, where rounds disagree; default: the one
            before it.

    Raises:
        NotFinished: when `against` is no finished round.
    """
    if finding is Finding.DISAGREE:
        return _disagreeing(access, project_id, board, against)
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        row = _newest(conn, project_id, finding)
        if row is None:
            return _nothing("This was not looked for yet.")
        settled = labelled_since(conn, project_id, row["result"]["event_number"])
    path = access.workspace.path(row["result"]["found"])
    found = Found.of_table(durable.read_array(path))
    found = found.among(found.positions < board.covers)
    match finding:
        case Finding.SUSPICIOUS:
            return _suspicious(board, found, settled)
        case Finding.DUPLICATES:
            return _near_duplicates(board, found, settled)
        case _:
            return _outliers(board, found)


def _nothing(why: str) -> Queued:
    none = np.zeros(0, dtype=np.int64)
    return Queued(none, none.astype(np.bool_), str, why)


def _suspicious(board: Board, found: Found, settled: NDArray[np.int64]) -> Queued:
    open_ = (board.labels[found.positions] >= 0) & ~board.blind[found.positions]
    found = found.among(open_ & ~np.isin(found.positions, settled))
    names = {each.id: each.name for each in board.classes}

    def say(row: int) -> str:
        position = found.positions[row]
        label = board.classes[board.labels[position]].name
        accepted = board.source[position] == Source.ACCEPTED
        said = f"{'Accepted as' if accepted else 'Said'} {label}"
        return f"{said}, model says {names[int(found.class_ids[row])]} {_share(found.values[row])}"

    return Queued(found.positions, np.ones(len(found), dtype=bool), say)


def _near_duplicates(board: Board, found: Found, settled: NDArray[np.int64]) -> Queued:
    """Groups with two labels first, then those that cross the holdout or the test split."""
    where, groups = found.positions, found.groups
    count = int(groups.max(initial=-1)) + 1
    blind = board.blind[where]
    # labels that measure contradict nothing here: they must not be copied into what is trained on
    labels = np.where(blind, -1, board.labels[where])
    least, most = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(least, groups[labels >= 0], labels[labels >= 0])
    np.maximum.at(most, groups, labels)
    conflict = most > least
    measured = np.bincount(groups, blind, count)
    crosses = (measured > 0) & (measured < np.bincount(groups, minlength=count))
    rank = np.where(conflict, 0, np.where(crosses, 1, 2))[groups]
    order = np.lexsort((np.arange(len(found)), groups, rank))
    found, labels, blind = found.among(order), labels[order], blind[order]
    in_conflict = conflict[found.groups]
    questioned = in_conflict & (labels >= 0) & ~np.isin(found.positions, settled)

    def say(row: int) -> str:
        other = int(found.others[row])
        said = f"Same as {other}"
        if board.blind[other] != blind[row]:
            said += ", which measures" if board.blind[other] else ", which does not measure"
        elif not blind[row] and board.labels[other] >= 0:
            said += f", labelled {board.classes[board.labels[other]].name}"
        elif in_conflict[row]:
            said += "; its group has two labels"
        return said

    return Queued(found.positions, questioned, say)


def _outliers(board: Board, found: Found) -> Queued:
    there = np.isin(found.positions, board.proposals.positions)
    if not len(board.proposals):  # a round that proposes nothing
        there = (board.labels[found.positions] < 0) & ~board.blind[found.positions]
    found = found.among(there)

    def say(row: int) -> str:
        return f"Far from every label: {found.values[row]:.2f} from {found.others[row]}"

    return Queued(found.positions, np.zeros(len(found), dtype=bool), say)


def _disagreeing(access: Access, project_id: int, board: Board, against: int | None) -> Queued:
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        if against is None:
            other = newest_finished(conn, project_id, before=board.round_number)
        else:
            other = finished_round(conn, project_id, against)
    if other is None or other.id == board.round_id:
        return _nothing("There is no other round to hold this one against. Run another one first.")
    raw = other.read_probabilities(access.workspace)
    places = {each: column for column, each in enumerate(other.class_ids)}
    forbidden = np.zeros(raw.shape, dtype=np.bool_)
    for column, each in enumerate(board.classes[: board.known]):
        if each.id in places:  # what readers ruled out, no round may say
            known = min(len(raw), len(board.forbidden))
            forbidden[:known, places[each.id]] = board.forbidden[:known, column]
    theirs = best_classes(raw, scaling_of(other), forbidden)
    rows = board.proposals.positions
    rows = rows[rows < len(raw)]
    ids = np.array([each.id for each in board.classes], dtype=np.int64)
    their_ids = np.array(other.class_ids, dtype=np.int64)
    columns = theirs.columns[rows]
    found = rounds_apart(
        rows,
        ids[board.predicted[rows]],
        np.where(columns < 0, NONE, their_ids[columns]),
        board.confidence[rows],
        theirs.confidence[rows],
    )
    names = {each.id: each.name for each in board.classes}

    def say(row: int) -> str:
        name = names.get(int(found.class_ids[row]), "a class of its own")
        return f"Round {other.number} says {name} {_share(found.values[row])}"

    return Queued(found.positions, np.zeros(len(found), dtype=bool), say)


def _share(value: Any) -> str:
    """A probability without its leading zero, as it stands in a line below a picture."""
    return f"{min(float(value), 0.99):.2f}"[1:]


def _newest(conn: Connection, project_id: int, finding: Finding) -> RowMapping | None:
    rows = history.newest_jobs(conn, project_id, kind=JobKind.FINDING)
    withdrawn = last_withdrawal(conn, project_id)  # other images may have their positions by now
    done = (
        row
        for row in rows
        if row["state"] == JobState.DONE and row["result"]["event_number"] >= withdrawn
    )
    return next((row for row in done if row["params"]["finding"] == finding), None)


def _is_under_way(conn: Connection, project_id: int, finding: Finding) -> bool:
    rows = history.under_way(conn, JobKind.FINDING, project_id)
    return any(row["params"]["finding"] == finding for row in rows)
