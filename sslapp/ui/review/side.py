"""The threshold with what it would propose, and how much of that is selected: one fragment."""

from contextlib import suppress

import numpy as np
import streamlit as st
from streamlit.errors import StreamlitAPIException

from sslapp.ui.common import addresses, faults, plain
from sslapp.ui.review import board as review_board
from sslapp.ui.review import proof, state, tally
from sslapp.ui.review.map import hook
from sslapp.ui.review.map.figure import POINTS
from sslapp.ui.review.map_panel import CHART, zoom_to_selection
from sslapp.usecases.access import Access
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.reviewing.candidates import DEFAULT_THRESHOLD
from sslapp.usecases.reviewing.queue import Choice, Show, selected
from sslapp.words import count, percent

HOOK = "review-hook"

RULES = {state.THRESHOLD_RULE: "Threshold", state.COVERAGE_RULE: "Conformal sets"}
RULE_HELP = """**Threshold**: the calibrated confidence reaches it. **Conformal sets**: of every
class's images a stated share have their class in their set; candidates are images whose set holds
one class alone."""

SHOWN = {
    Show.CHALLENGERS: "Candidates",
    Show.REST: "Below threshold",
    Show.ALL: "All",
}
SHOW_HELP = """**Candidates** reach their threshold, or have one class alone in their set. **Below
threshold** or **not alone** are the proposals that do not: look at them one by one. Labelled,
withheld, holdout and test images are in neither."""


def show(access: Access, project_id: int, number: int) -> None:
    """Draw the panel; moving its slider redraws it and the desk, and nothing else."""

    def panel() -> None:
        board = review_board.current(access, project_id, number)
        _rule(board)
        chosen = state.choice(board)
        _preview(access, project_id, board, chosen)
        _selection(board, chosen)
        hook.mount(
            CHART,
            addresses.of_project(access, project_id),
            number,
            board.classes,
            revision=board.event_number,
            clear=state.clears(),
            key=HOOK,
            on_gesture=_gesture,
        )

    faults.fragment(panel, key=state.SIDE)


def again() -> None:
    """In a widget's callback: redraw the panel and the desk, not the map."""
    with suppress(StreamlitAPIException):  # a run that was cut short had not drawn the desk yet
        st.rerun([state.SIDE, state.DESK])


def _gesture() -> None:
    match hook.read(HOOK):
        case hook.Area(rings, ranges):
            state.lasso(rings, ranges)
        case hook.Picked(position):
            state.pick(position)
        case hook.Cleared():
            state.outline_gone()
    again()


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
        key=state.RULE,
        persist_state="session",
        help=RULE_HELP,
        on_change=_ruled,
    )
    if state.by_coverage(board):
        _coverage(board)
    else:
        _thresholds(board)
    if board.doubts:
        st.caption(f":orange[:material/warning:] {plain.markdown(board.doubts)}")
    elif board.why_no_coverage and not board.coverages:
        st.caption(plain.markdown(board.why_no_coverage))


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
        key=state.COVERAGE,
        persist_state="session",
        help="Share of every class's images whose class is in their set, at least.",
        on_change=_ruled,
    )
    if board.why_no_coverage:
        st.caption(plain.markdown(board.why_no_coverage))


def _thresholds(board: Board) -> None:
    st.slider(
        "Threshold",
        min_value=0.0,
        max_value=1.0,
        value=DEFAULT_THRESHOLD,
        step=0.005,
        format="%.3f",
        key=state.THRESHOLD,
        persist_state="session",
        help="Least calibrated confidence of a candidate.",
        on_change=_ruled,
    )
    own = st.expander("Thresholds per class", key="review-own", on_change="rerun")
    if own.open:
        with own, st.grid(2, min_column_width=120):
            for each in board.classes[: board.known]:
                if not each.retired:
                    _own_threshold(each.id, each.name)


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


def _preview(access: Access, project_id: int, board: Board, chosen: Choice) -> None:
    """What the rule proposes in the whole project, before anything is accepted."""
    found = board.candidates(chosen.rule(board))
    total = len(board.proposals)
    if not total and board.doubts:
        return  # said beside the threshold
    share = f", {percent(len(found) / total)}" if total else ""
    st.markdown(f"**{count(len(found), 'candidate')}** of {total:,} open images{share}")
    if len(found):
        proof.show(access, project_id, board, chosen, found.positions, again=again)
    live = [column for column in range(board.known) if not board.classes[column].retired]
    counts = board.counts_by_class(found)
    tally.show(
        [board.classes[column] for column in live],
        [counts[column] for column in live],
        about="Candidates per predicted class",
        key="review-tally",
    )


def _selection(board: Board, chosen: Choice) -> None:
    st.segmented_control(
        "Select",
        list(SHOWN),
        format_func=lambda part: _part(part, chosen),
        default=Show.CHALLENGERS,
        required=True,
        key=state.SHOW,
        help=SHOW_HELP,
        on_change=_ruled,
    )
    with st.container(horizontal=True, vertical_alignment="center", key="review-selected"):
        st.markdown(_selected(board, chosen), width="stretch")
        if chosen.rings and len(board.xy) > POINTS and st.button("Zoom", key="review-zoom-in"):
            zoom_to_selection(chosen.rings)
            st.rerun()
        if chosen.nothing:
            st.button("Select all", key="review-select-all", on_click=_clear)
        elif chosen.is_narrow:
            st.button("Clear", key="review-clear-selection", on_click=_clear)


def _part(part: Show, chosen: Choice) -> str:
    return "Not alone" if part is Show.REST and chosen.coverage is not None else SHOWN[part]


def _clear() -> None:
    state.clear()
    again()


def _selected(board: Board, chosen: Choice) -> str:
    """How much is selected, in words."""
    if chosen.image is not None:
        return f"**Image {chosen.image}** selected{_why_not(board, chosen.image)}"
    if chosen.like is not None:
        return f"**Images like {chosen.like}** selected"
    if chosen.text:
        return f"**Images like “{plain.markdown(chosen.text)}”** selected"
    if chosen.nothing:
        return "**Nothing selected.** Draw on the map, move the threshold, or select all."
    found = selected(board, chosen)
    if not chosen.rings:
        return f"**{len(found):,} selected**: the whole project. Draw on the map to select fewer."
    within = board.inside(chosen.rings)
    labelled = int(np.count_nonzero(within & (board.labels >= 0)))
    inside = int(np.count_nonzero(within))
    return f"**{len(found):,} selected** of {inside:,} inside, {labelled:,} of them labelled"


def _why_not(board: Board, position: int) -> str:
    if position >= len(board):
        return ""
    if board.blind[position]:
        return ": drawn to measure, so it is labelled without a prediction on the Label page"
    if board.labels[position] >= 0:
        return ": it has a label already"
    if board.predicted[position] < 0:
        return ": this round proposes nothing for it"
    return ""
