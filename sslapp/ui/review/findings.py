"""What may be wrong or odd: choose it, look for it, see how much was found."""

from collections.abc import Callable

import streamlit as st

from sslapp.ui.common import faults, progress_panel
from sslapp.ui.review import state
from sslapp.usecases.access import Access
from sslapp.usecases.comparing.rounds import numbers_and_methods
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.reviewing.findings import is_under_way, newest_search, queued
from sslapp.usecases.reviewing.queue import Choice
from sslapp.usecases.reviewing.searching import start_search
from sslapp.usecases.training.options import method_titles
from sslapp.usecases.training.progress import live_jobs
from sslapp.vocabulary import Finding
from sslapp.words import ago, count

TITLES = {
    Finding.SUSPICIOUS: "Suspicious labels",
    Finding.DUPLICATES: "Near-duplicates",
    Finding.OUTLIERS: "Outliers",
    Finding.DISAGREE: "Rounds disagree",
}

ABOUT = {
    Finding.SUSPICIOUS: "Labels that models speak against which were not taught them, the worst "
    "first. Keep a label (`a`), or press the key of the right class. Labels of holdout and "
    "test images are not asked about.",
    Finding.DUPLICATES: "Images that show the same: groups with two labels first, then those that "
    "reach from the pool into holdout or test images, which then measure too well.",
    Finding.OUTLIERS: "Unlabelled images least like anything that is labelled: perhaps of no "
    "class, perhaps of one that has no label yet.",
    Finding.DISAGREE: "Images to which another round gives another class, those first of which "
    "both are sure.",
}

WITHOUT_A_ROUND = (Finding.DUPLICATES, Finding.OUTLIERS)
"""What pixels and an encoder's features alone tell."""

_COUNTED = "review-findings-counted"

_BULK_REFUSALS = {
    Finding.SUSPICIOUS: "These images have labels: keep or change them one by one.",
    Finding.DUPLICATES: "Some of these images have labels: decide about them one by one.",
}


def bulk_refusal(chosen: Choice) -> str:
    """Why nothing can be decided about all that is selected at once; "" where it can."""
    return "" if chosen.found is None else _BULK_REFUSALS.get(chosen.found, "")


def selected(chosen: Choice) -> str:
    """What is selected, as Markdown, if it was found; "" otherwise."""
    return "" if chosen.found is None else f"**{TITLES[chosen.found]}** selected"


def choose(board: Board, again: Callable[[], None]) -> None:
    """Draw the choice of what to find.

    Args:
        again: redraws what depends on the selection.
    """
    chosen = state.choice(board).finding
    key = state.finding_key()

    def find() -> None:
        state.find(st.session_state[key])
        again()

    findings = _offered(board)
    st.selectbox(
        "Find",
        findings,
        index=findings.index(chosen) if chosen in findings else None,
        format_func=TITLES.__getitem__,
        placeholder="Find what may be wrong",
        label_visibility="collapsed",
        key=key,
        width=210,
        on_change=find,
    )


def show(access: Access, project_id: int, board: Board, again: Callable[[], None]) -> None:
    """Say of what is found how, and how much there is; or how much was found of what.

    Args:
        again: redraws what depends on the selection.
    """
    chosen = state.choice(board).finding
    if chosen not in _offered(board):
        if counts := _counts(access, project_id, board):
            st.caption(counts, width="content")
        return
    if chosen is Finding.DISAGREE:
        _other_round(access, project_id, board, again)
    else:
        _search(access, project_id, board, chosen)
    st.caption(_about(access, project_id, board, chosen))
    if is_under_way(access, project_id, chosen):
        progress_panel.show(access, project_id, live_jobs(access, project_id), method_titles())


def _offered(board: Board) -> list[Finding]:
    return [*(TITLES if board.round_number is not None else WITHOUT_A_ROUND)]


def _counts(access: Access, project_id: int, board: Board) -> str:
    """How many images there are of what was looked for; worked out once for each event."""
    searched = {
        each: past.job_id
        for each in _offered(board)
        if each is not Finding.DISAGREE
        and (past := newest_search(access, project_id, each)) is not None
    }
    key = (access.workspace_id, project_id, board.round_id, board.event_number, *searched.values())
    kept: tuple[object, str] | None = st.session_state.get(_COUNTED)
    if kept is None or kept[0] != key:
        found = {each: len(queued(access, project_id, board, each)) for each in searched}
        said = " · ".join(f"{TITLES[each]} {number:,}" for each, number in found.items())
        kept = st.session_state[_COUNTED] = (key, said)
    return kept[1]


def _other_round(access: Access, project_id: int, board: Board, again: Callable[[], None]) -> None:
    titles = method_titles()
    rounds = {
        number: f"Against round {number} · {titles.get(method, method)}"
        for number, method in numbers_and_methods(access, project_id)
        if number != board.round_number
    }
    if not rounds:
        return
    assert board.round_number is not None  # without a round nothing disagrees
    before = [each for each in rounds if each < board.round_number]
    if st.session_state.get(state.AGAINST) not in (None, *rounds):
        del st.session_state[state.AGAINST]  # of another project, or it is the one that is shown
    st.selectbox(
        "Against",
        list(rounds),
        index=list(rounds).index(max(before)) if before else 0,
        format_func=rounds.__getitem__,
        label_visibility="collapsed",
        key=state.AGAINST,
        width=320,
        on_change=again,
    )


def _search(access: Access, project_id: int, board: Board, finding: Finding) -> None:
    there = newest_search(access, project_id, finding) is not None
    st.button(
        "Look again" if there else f"Look for {TITLES[finding].lower()}",
        key="review-look",
        type="secondary" if there else "primary",
        disabled=is_under_way(access, project_id, finding),
        on_click=faults.told,
        args=(lambda: start_search(access, project_id, finding, round_number=board.round_number),),
    )


def _about(access: Access, project_id: int, board: Board, finding: Finding) -> str:
    """How it is found, how much there is, and of when."""
    chosen = state.choice(board)
    found = queued(access, project_id, board, finding, chosen.against)
    if found.missing:
        return f"{ABOUT[finding]} {found.missing}"
    said = f"{ABOUT[finding]} {count(len(found), 'image')}"
    made = None if finding is Finding.DISAGREE else newest_search(access, project_id, finding)
    return f"{said}." if made is None else f"{said}, looked for {ago(made.at)}."
