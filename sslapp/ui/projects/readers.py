"""For server admins: everybody who may use this server, and shutting somebody out of it."""

from collections.abc import Callable

import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.usecases.access import Access
from sslapp.usecases.people.readers import ServerReader, activate, deactivate, server_readers
from sslapp.words import count

FAULT = "projects-readers-fault"
MANY = 8
"""Readers from which on the list scrolls by itself."""

HEIGHT = 420
BUTTON_WIDTH = 112


def show(access: Access) -> None:
    """Draw the readers, folded away; nothing while there is only the one who looks."""
    people = server_readers(access)
    if len(people) < 2:
        return
    with st.expander(f"Readers of this server · {len(people)}", key="projects-readers"):
        st.caption(
            "Who is set inactive is shut out at once and keeps their roles; their decisions stay."
        )
        with st.container(height=HEIGHT if len(people) > MANY else "content", border=False):
            for each in people:
                _reader(access, each)
        faults.show(FAULT)


def _reader(access: Access, each: ServerReader) -> None:
    name = plain.markdown(each.name)
    own = each.reader_id == access.reader_id
    about = count(each.projects, "project") if each.projects else "no project"
    facts = ["you"] * own + ["inactive"] * (not each.active) + [about]
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch", gap=None):
            st.markdown(name if each.active else f":gray[{name}]")
            st.caption(" · ".join(facts))
        if own:
            return
        st.button(
            "Set inactive" if each.active else "Set active",
            key=f"projects-reader-{each.reader_id}-{each.active}",
            width=BUTTON_WIDTH,
            on_click=_change,
            args=(access, each),
        )


def _change(access: Access, each: ServerReader) -> None:
    command: Callable[[Access, str], None] = deactivate if each.active else activate
    faults.attempt(FAULT, lambda: command(access, each.name))
