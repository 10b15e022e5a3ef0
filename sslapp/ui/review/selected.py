"""What is selected, in words, and the way back to more; the map's gestures, which select."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from sslapp.ui.common import addresses, plain
from sslapp.ui.common.map import hook
from sslapp.ui.review import board as review_board
from sslapp.ui.review import findings, state
from sslapp.ui.review.bar import again
from sslapp.ui.review.map.figure import POINTS
from sslapp.ui.review.map_panel import CHART, zoom_to_selection
from sslapp.ui.review.spaces import named
from sslapp.usecases.access import Access
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.reviewing.queue import Choice, selected
from sslapp.vocabulary import Space

HOOK = "review-hook"


def follow_map(access: Access, project_id: int, board: Board) -> None:
    """Listen to the map. To be drawn after the chart, whose outline it takes off when asked to."""
    hook.mount(
        CHART,
        addresses.of_project(access, project_id),
        board.round_number,
        board.classes,
        space=board.space,
        revision=board.event_number,
        clear=state.clears(),
        key=HOOK,
        on_gesture=_gesture,
    )


def _gesture() -> None:
    match hook.read(HOOK):
        case hook.Area(rings, ranges):
            state.lasso(rings, ranges)
        case hook.Picked(position):
            state.pick(position)
        case hook.Cleared():
            state.outline_gone()
    again()


def show(access: Access, project_id: int, board: Board, chosen: Choice) -> None:
    """Say what is selected, with the way back to more."""
    within = review_board.within(access, project_id, board, chosen)
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key="review-selected"
    ):
        st.markdown(findings.selected(chosen) or _selected(board, chosen, within), width="content")
        if chosen.rings and len(board.xy) > POINTS and st.button("Zoom", key="review-zoom-in"):
            zoom_to_selection(chosen.rings)
            st.rerun()
        if chosen.nothing:
            st.button("Select all", key="review-select-all", on_click=_clear)
        elif chosen.is_narrow:
            st.button("Clear", key="review-clear-selection", on_click=_clear)


def _clear() -> None:
    state.clear()
    again()


def _selected(board: Board, chosen: Choice, within: NDArray[np.bool_] | None) -> str:
    """How much is selected, in words.

    Args:
        within: (N,) what the legend leaves in; None for all.
    """
    if pointed_at := _pointed_at(board, chosen):
        return pointed_at
    found = selected(board, chosen, within)
    only = f" · only {plain.markdown(', '.join(chosen.only))}" if chosen.only else ""
    if not chosen.rings:
        if only:
            return f"**{len(found):,} selected**{only}"
        return f"**{len(found):,} selected**: the whole project"
    area = board.inside(chosen.rings)
    labelled = int(np.count_nonzero(area & (board.labels >= 0)))
    inside = int(np.count_nonzero(area))
    return f"**{len(found):,} selected** of {inside:,} inside, {labelled:,} of them labelled{only}"


def _pointed_at(board: Board, chosen: Choice) -> str:
    """What was pointed at or searched for, in words; "" where rule and map select."""
    if chosen.event is not None:
        return f"**Decision {chosen.event:,}**: its images, as they stand now"
    if chosen.image is not None:
        return f"**Image {chosen.image}** selected{_why_not(board, chosen.image)}"
    if chosen.like is not None:
        near = named(board.space, board.round_number)
        return f"**Images like {chosen.like}** selected, {near}"
    if searched := chosen.text or chosen.name:
        about = "Images like" if chosen.text else "Names with"
        seen = f", {named(Space.ENCODER, None)}" if chosen.text else ""
        return f"**{about} “{plain.markdown(searched)}”** selected{seen}"
    if chosen.nothing:
        rule = "" if board.round_number is None else "move the threshold, "
        return f"**Nothing selected.** Draw on the map, {rule}or select all."
    return ""


def _why_not(board: Board, position: int) -> str:
    if position >= len(board):
        return ""
    if board.blind[position]:
        return ": drawn to measure, so it is labelled without a prediction on the Label page"
    if board.labels[position] >= 0:
        return ": it has a label already"
    if board.round_number is not None and board.predicted[position] < 0:
        return ": this round proposes nothing for it"
    return ""
