"""The end of a project: what would go, and a button for whoever typed its name."""

import streamlit as st

from sslapp.ui.common import faults, heading, plain
from sslapp.ui.projects.imports import kept
from sslapp.usecases.access import Access
from sslapp.usecases.projects.deletion import delete_project, plan_deletion
from sslapp.usecases.projects.status import Status

FAULT = "projects-delete-fault"


def show(access: Access, status: Status) -> None:
    """Draw it; for admins of the project."""
    key = f"projects-delete-{status.project_id}"
    folded = st.expander("Delete this project", key=key, on_change="rerun")
    if not folded.open:  # its files are counted only for who asks
        return
    with folded:
        about = (status.project_id, status.head[0])
        plan = kept.once("deletion", about, lambda: plan_deletion(access, status.project_id))
        for each in plan.words():
            st.caption(plain.markdown(each))
        typed = st.text_input(
            "Its name, to delete it",
            key=f"{key}-name",
            autocomplete="off",
        )
        if st.button("Delete for good", key="projects-delete", disabled=not (typed or "").strip()):
            _delete(access, status, str(typed))
        faults.show(FAULT)
        faults.forget(FAULT)


def _delete(access: Access, status: Status, typed: str) -> None:
    if faults.attempt(FAULT, lambda: delete_project(access, status.project_id, typed)):
        heading.forget()
        faults.say(f"{status.name} was deleted.")
        st.rerun()
