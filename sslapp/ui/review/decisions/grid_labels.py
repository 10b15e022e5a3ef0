"""A class for many images at once, as the reader saw them: some of the sheet, or all selected."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from sslapp.ui.common import plain
from sslapp.ui.review import desk
from sslapp.ui.review.decisions.carrying_out import carry_out
from sslapp.usecases.access import Access
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.reviewing.queue import Choice
from sslapp.words import count


def ask(
    access: Access,
    project_id: int,
    asked: desk.Bulk,
    *,
    seen: Board,
    chosen: Choice,
    found: NDArray[np.int64],
) -> None:
    """Label what was asked for; where most of it was never on screen, ask once more.

    Args:
        found: (n,) the selected images that are open.
    """
    if asked.marked:
        found = np.array(sorted(asked.marked), dtype=np.int64)
    wanted = np.setdiff1d(found, asked.excluded)
    if asked.seen < len(wanted):
        _unseen(access, project_id, asked, seen=seen, chosen=chosen, found=wanted)
        return
    _label(access, project_id, asked, seen=seen, chosen=chosen, found=wanted)
    st.rerun()


@st.dialog("Label images that were not on screen?")
def _unseen(
    access: Access,
    project_id: int,
    asked: desk.Bulk,
    *,
    seen: Board,
    chosen: Choice,
    found: NDArray[np.int64],
) -> None:
    name = plain.markdown(_names(seen)[asked.class_id])
    st.markdown(
        f"**{count(len(found), 'image')}** become **{name}**; {asked.seen:,} of them were on your "
        "screen. Rounds are trained on all of them. An audit of labels asks about them."
    )
    if st.button(f"Label {count(len(found), 'image')}", key="review-label-unseen"):
        _label(access, project_id, asked, seen=seen, chosen=chosen, found=found)
        st.rerun()


def _label(
    access: Access,
    project_id: int,
    asked: desk.Bulk,
    *,
    seen: Board,
    chosen: Choice,
    found: NDArray[np.int64],
) -> None:
    stored = carry_out(access, project_id, asked, seen=seen, chosen=chosen, found=found)
    desk.answer(asked.key, stored=stored)


def _names(board: Board) -> dict[int | None, str]:
    return {each.id: each.name for each in board.classes if not each.retired}
