"""The selected images at the desk, and the bulk decisions about them: one fragment."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from sslapp.ui.audit.choice import chosen_audit
from sslapp.ui.common import faults, pages, plain
from sslapp.ui.review import board as review_board
from sslapp.ui.review import bulks, desk, findings, proof, selected, state
from sslapp.ui.review.bar import again
from sslapp.ui.review.decisions import grid_labels
from sslapp.ui.review.decisions.carrying_out import carry_out
from sslapp.usecases.access import Access
from sslapp.usecases.images.similar import reads_text
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.reviewing.checks import check_selection
from sslapp.usecases.reviewing.proofs import SelectionProof, Weighed, weigh_selection
from sslapp.usecases.reviewing.queue import Choice, Queue, findings_of, positions
from sslapp.vocabulary import Space
from sslapp.words import count

QUEUES = {
    Queue.DOUBTFUL: "Doubtful first",
    Queue.DISAGREEMENT: "Neighbours disagree first",
    Queue.MEMBERS: "Members disagree first",
    Queue.FLIPPED: "Flipped since last round first",
    Queue.RANDOM: "Random order",
}

NO_MEMBERS = "This round has no members that could disagree, so doubtful images come first."

OUTDATED = (
    "The page was no longer the one in front of you when that was asked, so nothing was done. Look "
    "at the selected images and ask again."
)


BARE_QUEUES = {Queue.DOUBTFUL: "As imported", Queue.RANDOM: QUEUES[Queue.RANDOM]}


def show(access: Access, project_id: int, number: int | None) -> None:
    """Draw the desk with what is selected, and carry out what it asks for.

    Args:
        number: the round's; None without one.
    """

    def draw() -> None:
        board = review_board.current(access, project_id, number)
        selected.follow_map(access, project_id, board)
        _head(access, project_id, board)
        chosen = state.choice(board)
        within = review_board.within(access, project_id, board, chosen)
        try:
            shown = positions(access, project_id, board, chosen, within)
        except faults.READERS as error:
            if chosen.like is None and chosen.event is None and not chosen.text:
                raise
            faults.say(str(error))  # and do not look for it again
            state.unpick()
            st.rerun()
        found = shown  # of a decision that was made, what is open by now
        if chosen.event is not None:
            found = shown[np.isin(shown, board.proposals.positions)]
        listed = findings_of(access, project_id, board, chosen)
        proposed = found if listed is None else np.intersect1d(found, board.proposals.positions)
        known = None if number is None else proof.known(access, project_id, board, proposed)
        asked = desk.show(
            access,
            project_id,
            number,
            found,
            [each for each in board.classes if not each.retired],
            selection=chosen.digest(board),
            space=board.space,
            shown=shown,
            proven=known is not None and known.proven,
            found=listed,
            bulk_refusal=findings.bulk_refusal(chosen),
            on_saved=again,
        )
        if isinstance(asked, desk.Similar):
            state.alike(asked.position)
            st.rerun()
        elif isinstance(asked, desk.Outdated):
            bulks.refused(OUTDATED)
            st.rerun()
        elif asked is not None and asked.action == "label":
            grid_labels.ask(access, project_id, asked, seen=board, chosen=chosen, found=found)
        elif known is None or asked is None:
            return
        elif asked.action == "check":
            _check(access, project_id, board, chosen, found)
        elif asked.action == "accept" and not (asked.proven and known.proven):
            _unproven(access, project_id, asked, known, seen=board, chosen=chosen, found=found)
        else:
            carry_out(access, project_id, asked, seen=board, chosen=chosen, found=found)
            st.rerun()

    faults.fragment(draw, key=state.DESK)


def _head(access: Access, project_id: int, board: Board) -> None:
    bare = board.round_number is None
    names = BARE_QUEUES if bare else QUEUES
    queues = [each for each in names if board.members or each is not Queue.MEMBERS]
    if st.session_state.get(state.QUEUE, Queue.DOUBTFUL) not in queues:
        # a browser goes on showing what was chosen, unless it is told another choice
        st.session_state[state.QUEUE] = Queue.DOUBTFUL
        if not bare:
            st.warning(NO_MEMBERS, icon=":material/info:")
    with st.container(horizontal=True, vertical_alignment="center"):
        selected.show(access, project_id, board, state.choice(board))
        _search(board, by_description=reads_text(access, project_id, board.round_number))
        st.selectbox(
            "Order",
            queues,
            format_func=names.__getitem__,
            label_visibility="collapsed",
            key=state.QUEUE,
            width=200,
            disabled=state.choice(board).found is not None,  # that has an order of its own
        )


def _search(board: Board, *, by_description: bool) -> None:
    """Find images by name or number, or by what they show where an encoder reads text."""
    if by_description:
        st.segmented_control(
            "Search",
            [state.BY_NAME, state.BY_DESCRIPTION],
            format_func=str.capitalize,
            default=state.BY_NAME,
            required=True,
            label_visibility="collapsed",
            key=state.SEARCH,
            on_change=_searched,
        )
    described = state.searches_by() == state.BY_DESCRIPTION
    st.text_input(
        "Search by text",
        key=state.text_key(),
        placeholder="What it shows" if described else "Name or number",
        label_visibility="collapsed",
        width=150,
        icon=":material/search:",
        on_change=_searched,
    )
    if by_description and described and board.space is Space.ROUND:
        st.caption("in the encoder's features", width="content")  # whichever map is shown


def _searched() -> None:
    state.search()
    again()


def _check(
    access: Access, project_id: int, board: Board, chosen: Choice, found: NDArray[np.int64]
) -> None:
    """Open an audit of what is selected, unless naming some images first would be cheaper."""
    weighed = weigh_selection(access, project_id, board, chosen)
    if weighed.named:
        _mend_first(access, project_id, weighed, seen=board, chosen=chosen, found=found)
        return
    _open_audit(access, project_id, board, chosen, found)


@st.dialog("Name the doubtful images first?")
def _mend_first(
    access: Access,
    project_id: int,
    weighed: Weighed,
    *,
    seen: Board,
    chosen: Choice,
    found: NDArray[np.int64],
) -> None:
    """Offer the better use of the next minutes before an audit freezes its lot."""
    st.markdown(
        f"Checking now is expected to take **{count(weighed.now, 'look')}**. Naming the "
        f"{count(weighed.named, 'least confident image')} first, and checking then, takes "
        f"**{weighed.named + weighed.after:,}** in all."
    )
    with st.container(horizontal=True):
        if st.button("Name them first", type="primary", key="review-name-first"):
            st.switch_page(
                str(pages.PAGES / "label.py"),
                query_params={"project": str(project_id), "strategy": "margin"},
            )
        if st.button("Check a sample now", key="review-check-now"):
            _open_audit(access, project_id, seen, chosen, found)


def _open_audit(
    access: Access, project_id: int, board: Board, chosen: Choice, found: NDArray[np.int64]
) -> None:
    """Open an audit of what is selected, and go to its page."""

    def open_it() -> None:
        opened = check_selection(access, project_id, board, chosen, found)
        st.session_state[chosen_audit(project_id)] = opened.number

    if why := faults.refusal(open_it):
        bulks.refused(why)
        st.rerun()
    st.switch_page(str(pages.PAGES / "audit.py"))


@st.dialog("Accept without a proof?")
def _unproven(
    access: Access,
    project_id: int,
    asked: desk.Bulk,
    known: SelectionProof,
    *,
    seen: Board,
    chosen: Choice,
    found: NDArray[np.int64],
) -> None:
    """Ask once more before labels are accepted that nothing proves, naming what is known.

    A proof may have come, or gone, since the button was pressed.
    """
    number = count(len(np.setdiff1d(found, asked.excluded)), "label")
    st.markdown(plain.markdown(known.words))
    if not known.proven:
        st.markdown(
            "Accepted like this they stay marked as **unproven** in certificate, report and "
            "export, and the next round is trained on them."
        )
    with st.container(horizontal=True):
        if not known.proven and st.button("Check a sample", type="primary", key="review-check"):
            _open_audit(access, project_id, seen, chosen, found)
        name = f"Accept {number}" if known.proven else f"Accept {number} unproven"
        if st.button(name, key="review-accept-unproven"):
            carry_out(
                *(access, project_id, asked),
                seen=seen,
                chosen=chosen,
                found=found,
                unproven=not known.proven,
            )
            st.rerun()
