"""Who may do what in the project."""

from collections.abc import Sequence

import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.usecases.access import Access
from sslapp.usecases.people.members import Member, grant, remove
from sslapp.vocabulary import Role

FAULT = "projects-members-fault"
GRANTED = "projects-members-granted"
"""Where the session counts the roles that were granted."""

ROLE_WIDTH = 132
"""Pixels that the longest role needs."""

ABOUT = {
    Role.READER: "labels, trains and reviews",
    Role.ADJUDICATOR: "also settles disagreements",
    Role.ADMIN: "also imports, edits classes and grants roles",
}


def show(access: Access, project_id: int, people: Sequence[Member], *, may_change: bool) -> None:
    """Draw the members; for admins, with their roles to change and a line to add one."""
    for each in people:
        _member(access, project_id, each, may_change=may_change)
    if may_change:
        _add(access, project_id)
    faults.show(FAULT)


def _member(access: Access, project_id: int, each: Member, *, may_change: bool) -> None:
    name = plain.markdown(each.name)
    with st.container(horizontal=True, vertical_alignment="center"):
        # a cell of its own breaks a long address instead of pushing the controls below it
        with st.container(width="stretch", gap=None):
            st.markdown(name if each.active else f":gray[{name}]")
            if not each.active:
                st.caption("inactive on this server")
        if not may_change:
            st.caption(each.role.value)
            return
        key = f"projects-role-{project_id}-{each.reader_id}-{each.role}"
        st.selectbox(
            "Role",
            list(Role),
            index=list(Role).index(each.role),
            format_func=lambda role: role.value,
            label_visibility="collapsed",
            width=ROLE_WIDTH,
            key=key,
            on_change=_change,
            args=(access, project_id, each, key),
        )
        st.button(
            "Remove",
            type="tertiary",
            key=f"projects-remove-{project_id}-{each.reader_id}",
            on_click=_remove,
            args=(access, project_id, each),
        )


def _change(access: Access, project_id: int, each: Member, key: str) -> None:
    role = st.session_state[key]
    if not faults.attempt(FAULT, lambda: grant(access, project_id, each.name, role)):
        st.session_state[key] = each.role


def _remove(access: Access, project_id: int, each: Member) -> None:
    faults.attempt(FAULT, lambda: remove(access, project_id, each.reader_id))


def _add(access: Access, project_id: int) -> None:
    # another form once a role was granted: what was typed for a refused one stays
    form = f"projects-grant-{project_id}-{st.session_state.get(GRANTED, 0)}"
    with (
        st.form(form, border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        name = st.text_input("Reader", placeholder="name or e-mail address")
        role = st.selectbox(
            "Role", list(Role), format_func=lambda each: each.value, width=ROLE_WIDTH
        )
        pressed = st.form_submit_button("Grant")
    st.caption(" · ".join(f"{role.value}: {about}" for role, about in ABOUT.items()))
    if pressed and role is not None:
        if faults.attempt(FAULT, lambda: grant(access, project_id, name or "", role)):
            st.session_state[GRANTED] = st.session_state.get(GRANTED, 0) + 1
        st.rerun()
