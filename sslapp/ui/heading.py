"""The page's head: which project, and the state of its record."""

from collections.abc import Sequence

import streamlit as st

from sslapp.store.projects import ProjectRow
from sslapp.ui import plain
from sslapp.ui.words import count
from sslapp.usecases.projects import Status


def choose(projects: Sequence[ProjectRow]) -> int:
    """Let the reader choose among several projects; the choice stands in the page's address."""
    if len(projects) == 1:
        return projects[0].id
    names = {each.id: each.name for each in projects}
    chosen = st.selectbox(
        "Project",
        list(names),
        format_func=lambda each: names[each],
        key="project",
        bind="query-params",
        width=320,
    )
    return int(chosen)


def show(status: Status) -> None:
    """Draw the title and, below it, the event number and hash that every figure is read at."""
    number, digest = status.head
    facts = [count(status.counts["images"], "image"), f"{len(status.classes)} classes"]
    facts += [f"event {number:,}", f"record {digest[:8]}"] if number else ["no event yet"]
    with st.container(gap=None):
        st.title(plain.markdown(status.name), anchor=False)
        st.caption(" · ".join(facts))
