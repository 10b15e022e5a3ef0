"""The page on which people who share a machine say who reads: a list of names, and no password."""

import streamlit as st

from sslapp.ui.common import access as gate
from sslapp.ui.common import faults, pages, plain
from sslapp.usecases.access import Access
from sslapp.usecases.people.names import KnownName, known_names, take_name

FAULT = "reader-fault"

ABOUT = (
    "Decisions, undo and what is offered go by this name, in this tab of the browser. It is no "
    "password: whoever uses this machine may take any name. Where that is not enough, people sign "
    "in (README, Several people)."
)


def page() -> None:
    """Draw the page."""
    access = gate.require()
    with st.container(width=440):
        st.title("Who reads?", anchor=False)
        st.caption(ABOUT)
        for each in known_names(access):
            _name(access, each)
        with (
            st.form("reader-new", border=False),
            st.container(horizontal=True, vertical_alignment="bottom"),
        ):
            name = st.text_input("Someone else", placeholder="name")
            pressed = st.form_submit_button("Go on")
        st.caption("A new name may do in every project what the name before it may do there.")
        if pressed:
            _take(access, name or "")
        faults.show(FAULT)


def _name(access: Access, each: KnownName) -> None:
    own = each.reader_id == access.reader_id
    if st.button(
        plain.markdown(each.name),
        key=f"reader-{each.reader_id}",
        icon=":material/check:" if own else None,
        type="primary" if own else "secondary",
        width="stretch",
    ):
        _take(access, each.name)


def _take(access: Access, name: str) -> None:
    """Let the session go on under a name; what it held was the reader's before."""
    taken: list[int] = []
    if faults.attempt(FAULT, lambda: taken.append(take_name(access, name))):
        st.session_state.clear()
        gate.go_on_as(taken[0])
        pages.open_page("projects")
    else:
        st.rerun()
