"""The last import, withdrawn: what would go, and the button."""

import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.ui.projects.imports import kept
from sslapp.usecases.access import Access
from sslapp.usecases.images.withdrawal import plan_withdrawal, withdraw
from sslapp.usecases.projects.status import Status
from sslapp.vocabulary import JobKind


def show(access: Access, found: Status, working: frozenset[JobKind]) -> None:
    """Draw it; for admins of a project with images.

    Args:
        access: who reads.
        found: how the project stands.
        working: kinds of jobs that wait or run.
    """
    project_id, import_id = found.project_id, found.sets[-1].id
    key = f"projects-withdraw-{import_id}"
    folded = st.expander("Withdraw the newest import", key=key, on_change="rerun")
    if not folded.open:
        return
    with folded:
        about = (project_id, found.head[0], working)
        plan = kept.once("withdrawal", about, lambda: plan_withdrawal(access, project_id))
        for each in plan.words():
            st.caption(plain.markdown(each))
        if st.button("Withdraw it", key="projects-withdraw", disabled=bool(plan.in_the_way)):
            faults.carry_out(lambda: withdraw(access, project_id, import_id))
