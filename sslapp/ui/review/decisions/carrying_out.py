"""Storing what a reader asked for about many images, and keeping what became of it."""

import numpy as np
from numpy.typing import NDArray

from sslapp.ui.common import faults
from sslapp.ui.review import board as review_board
from sslapp.ui.review import bulks, desk, state
from sslapp.usecases.access import Access
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.reviewing.bulk_decisions import BulkAction, decide
from sslapp.usecases.reviewing.queue import Choice


def carry_out(
    access: Access,
    project_id: int,
    asked: desk.Bulk,
    *,
    seen: Board,
    chosen: Choice,
    found: NDArray[np.int64],
    unproven: bool = False,
) -> bool:
    """Store the decision; return whether it was.

    Args:
        seen: the board that the reader decided on.
        found: (n,) what `chosen` selected on it, or the marked images.
        unproven: accept although nothing proves the project's precision.
    """
    names = {each.id: each.name for each in seen.classes}

    def store() -> None:
        done = decide(
            access,
            project_id,
            found,
            BulkAction(asked.action),
            choice=chosen,
            seen=seen,
            now=review_board.current(access, project_id, seen.round_number),
            class_name=None if asked.class_id is None else names.get(asked.class_id),
            excluded=asked.excluded,
            opened=asked.opened,
            seen_in_grid=asked.seen,
            key=asked.key,
            unproven=unproven,
        )
        bulks.done(done)

    if why := faults.refusal(store):
        bulks.refused(why)
        return False
    if not asked.marked:
        state.select_nothing()
        state.redraw()
    return True
