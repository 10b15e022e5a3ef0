"""The head of every page: its title, which project it is about, and the state of its record."""

from collections.abc import Sequence

import streamlit as st

from sslapp.ui.common import faults, pages, plain
from sslapp.usecases.access import Access
from sslapp.usecases.images.incoming.creation import ensure_demo
from sslapp.usecases.projects.listing import ProjectRow, known_projects
from sslapp.usecases.projects.status import Status
from sslapp.words import count

OPENED = "opened_project"
"""Where the session keeps the id of the opened project; the page's address names it as well."""


def open_project(access: Access, title: str) -> int:
    """Draw the page's title with the choice of project beside it; return the opened project's id.

    The address (`?project=`) counts first, then what the reader opened on another page, then the
    newest project. Without any project the page ends here with what to do first.
    """
    projects = known_projects(access)
    if not projects:
        without_project(access)
        st.stop()
    chosen = opened([each.id for each in projects])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.title(title, anchor=False)
        if len(projects) > 1:
            _choose(projects, chosen)
    with st.container():  # always there, so that what is below keeps its place and its state
        faults.show_word()
    remember(chosen)
    return chosen


def without_project(access: Access, *, here: bool = False) -> None:
    """Offer a reader the demo and a project of their own, or say whom to ask for one.

    Args:
        access: who reads.
        here: whether this page itself makes projects.
    """
    if not access.server_admin:
        st.title("No project is open to you", anchor=False)
        st.markdown(
            f"Ask an admin to give **{plain.markdown(access.reader)}** a role in a project."
        )
        return
    st.title("No project yet", anchor=False)
    st.markdown("Try the loop on scikit-learn's handwritten digits, or begin with your own images.")
    with st.container(horizontal=True):
        if st.button("Set up the digits demo", type="primary", key="demo"):
            ensure_demo(access)
            st.rerun()
        if not here:
            pages.button("projects", "Make a project of your own", kind="secondary")


def remember(project_id: int) -> None:
    """Keep a project open for this session, and name it in the address."""
    st.session_state[OPENED] = project_id
    st.query_params["project"] = str(project_id)


def forget() -> None:
    """Keep no project open, for the one that was is there no more."""
    st.session_state.pop(OPENED, None)
    st.query_params.pop("project", None)


def opened(known: Sequence[int]) -> int:
    """Which of the known projects is open; the last of them when none was opened yet."""
    asked = st.query_params.get("project", "")
    for wanted in (int(asked) if asked.isdecimal() else None, st.session_state.get(OPENED)):
        if wanted is not None and wanted in known:
            return int(wanted)
    return known[-1]


def _choose(projects: Sequence[ProjectRow], opened: int) -> None:
    names = {each.id: each.name for each in projects}
    # a keyed choice keeps the words it was first drawn with, so a renamed project is another one
    key = f"project-choice-{hash(tuple(names.items()))}"
    st.session_state[key] = opened
    st.selectbox(
        "Project",
        list(names),
        format_func=lambda each: names[each],
        key=key,
        on_change=lambda: remember(st.session_state[key]),
        label_visibility="collapsed",
        width=280,
    )


def record(status: Status) -> None:
    """Draw the project's name, and the event number and hash that all its figures are read at."""
    number, digest = status.head
    facts = [
        count(status.counts["images"], "image"),
        f"{len(status.classes)} {'class' if len(status.classes) == 1 else 'classes'}",
    ]
    facts += [f"event {number:,}", f"record {digest[:8]}"] if number else ["no event yet"]
    with st.container(gap=None):
        st.subheader(plain.markdown(status.name), anchor=False)
        st.caption(" · ".join(facts))
