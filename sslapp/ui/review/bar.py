"""The bar above map and images: the threshold, and what it would propose. One fragment."""

from contextlib import suppress

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.errors import StreamlitAPIException

from sslapp.ui.common import faults, plain
from sslapp.ui.review import board as review_board
from sslapp.ui.review import findings, proof, state, tally
from sslapp.usecases.access import Access
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.reviewing.candidates import (
    DEFAULT_THRESHOLD,
    Candidates,
    without_candidate,
)
from sslapp.usecases.reviewing.queue import Choice, Show
from sslapp.usecases.training.preview import listed
from sslapp.words import count, percent

RULES = {state.THRESHOLD_RULE: "Threshold", state.COVERAGE_RULE: "Conformal sets"}
SHOWN = {
    Show.CHALLENGERS: "Candidates",
    Show.REST: "Below threshold",
    Show.ALL: "All",
}
EXPLAINED = """**Threshold**: the calibrated confidence reaches it. **Conformal sets**: of every
class's images a stated share have their class in their set; candidates are images whose set holds
one class alone. **Below threshold** or **not alone** are the proposals that are no candidates: look
at them one by one. Labelled, withheld, holdout and test images are in neither."""


WITHOUT_A_ROUND = "Draw around images on the map, or mark some, and give them a class."


def show(access: Access, project_id: int, number: int | None) -> None:
    """Draw the bar; moving its slider redraws it and the desk, and nothing else.

    Args:
        number: the round's; without one there is no rule to choose.
    """

    def bar() -> None:
        board = review_board.current(access, project_id, number)
        if number is None:
            _without_a_round(access, project_id, board)
        else:
            _proposals(access, project_id, board)

    faults.fragment(bar, key=state.BAR)


def _without_a_round(access: Access, project_id: int, board: Board) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(WITHOUT_A_ROUND, width="content")
        findings.choose(board, again)
    findings.show(access, project_id, board, again)


def _proposals(access: Access, project_id: int, board: Board) -> None:
    """Choose the rule, and say what it proposes."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _rule(board)
        chosen = state.choice(board)
        found = board.candidates(chosen.rule(board))
        _details(access, project_id, board, found.positions, board.counts_by_class(found))
        _part(chosen)
        findings.choose(board, again)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if chosen.finding is None:
            _preview(access, project_id, board, chosen, found)
        findings.show(access, project_id, board, again)


def again() -> None:
    """In a widget's callback: redraw the panel and the desk, not the map."""
    with suppress(StreamlitAPIException):  # a run that was cut short had not drawn the desk yet
        st.rerun([state.DESK, state.BAR, state.LAST])


def _ruled() -> None:
    """Another rule selects what it proposes, whatever was selected before."""
    state.select_by_rule()
    again()


def _rule(board: Board) -> None:
    """Choose what makes a proposal a candidate."""
    if not board.coverages and state.RULE in st.session_state:
        st.session_state[state.RULE] = state.THRESHOLD_RULE  # chosen for a round that has some
    st.segmented_control(
        "Candidates by",
        list(RULES),
        format_func=RULES.__getitem__,
        default=state.THRESHOLD_RULE,
        required=True,
        disabled=not board.coverages,
        label_visibility="collapsed",
        key=state.RULE,
        persist_state="session",
        on_change=_ruled,
    )
    if state.by_coverage(board):
        _coverage(board)
    else:
        _threshold()


def _coverage(board: Board) -> None:
    shares = [each.share for each in board.coverages]
    now = state.coverage(board)
    if st.session_state.get(state.COVERAGE) not in (None, now):
        st.session_state[state.COVERAGE] = now  # of another round, whose labels allowed more
    st.segmented_control(
        "Coverage",
        shares,
        format_func=lambda share: f"{100 * share:g} %",
        default=now,
        required=True,
        label_visibility="collapsed",
        key=state.COVERAGE,
        persist_state="session",
        on_change=_ruled,
    )


def _threshold() -> None:
    st.slider(
        "Threshold",
        min_value=0.0,
        max_value=1.0,
        value=DEFAULT_THRESHOLD,
        step=0.005,
        format="%.3f",
        label_visibility="collapsed",
        width=240,
        key=state.THRESHOLD,
        persist_state="session",
        on_change=_ruled,
    )


def _own_threshold(class_id: int, name: str) -> None:
    st.number_input(
        plain.markdown(name),
        min_value=0.0,
        max_value=1.0,
        value=None,
        step=0.01,
        format="%.3f",
        placeholder="as above",
        key=state.own_threshold(class_id),
        persist_state="session",
        on_change=_ruled,
    )


def _details(
    access: Access,
    project_id: int,
    board: Board,
    found: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """What the rule proposes of each class, thresholds of their own, what is proven where."""
    details = st.popover("Details", key="review-details", on_change="rerun")
    if not details.open:
        return
    with details:
        st.caption(EXPLAINED)
        if board.why_no_coverage:
            st.caption(plain.markdown(board.why_no_coverage))
        live = [column for column in range(board.known) if not board.classes[column].retired]
        tally.show(
            [board.classes[column] for column in live],
            [counts[column] for column in live],
            about="Candidates per predicted class",
            key="review-tally",
        )
        if not state.by_coverage(board):
            st.markdown("**Thresholds per class**")
            with st.grid(2, min_column_width=120):
                for column in live:
                    _own_threshold(board.classes[column].id, board.classes[column].name)
        proof.curve(access, project_id, board, found)


def _preview(
    access: Access,
    project_id: int,
    board: Board,
    chosen: Choice,
    found: Candidates,
) -> None:
    """What the rule proposes in the whole project, and what is proven of it."""
    total = len(board.proposals)
    if board.doubts:
        st.caption(f":orange[:material/warning:] {plain.markdown(board.doubts)}", width="content")
        if not total:
            return
    share = f", {percent(len(found) / total)}" if total else ""
    st.markdown(
        f"**{count(len(found), 'candidate')}** of {total:,} open images{share}", width="content"
    )
    counts = board.counts_by_class(found)[: board.known]
    bare = without_candidate(board.classes[: board.known], counts)
    if bare:
        st.caption(
            f":orange[:material/warning:] No candidate is {plain.markdown(listed(bare))}.",
            width="content",
        )
    if len(found):
        proof.show(access, project_id, board, chosen, found.positions, again=again)


def _part(chosen: Choice) -> None:
    st.segmented_control(
        "Select",
        list(SHOWN),
        format_func=lambda part: _named(part, chosen),
        default=Show.CHALLENGERS,
        required=True,
        label_visibility="collapsed",
        key=state.SHOW,
        on_change=_ruled,
    )


def _named(part: Show, chosen: Choice) -> str:
    return "Not alone" if part is Show.REST and chosen.coverage is not None else SHOWN[part]
