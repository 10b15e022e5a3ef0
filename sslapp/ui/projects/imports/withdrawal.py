"""The last import, withdrawn: what would go, and the button."""

import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.usecases.access import Access
from sslapp.usecases.images.withdrawal import plan_withdrawal, withdraw


def show(access: Access, project_id: int, import_id: int) -> None:
    """Draw it; for admins of a project with images.

    Args:
        import_id: of the last import.
    """
    key = f"projects-withdraw-{import_id}"
    folded = st.expander("Withdraw the newest import", key=key, on_change="rerun")
    if not folded.open:
        return
    with folded:
        plan = plan_withdrawal(access, project_id)
        for each in plan.words():
            st.caption(plain.markdown(each))
        if st.button("Withdraw it", key="projects-withdraw", disabled=bool(plan.in_the_way)):
            faults.carry_out(lambda: withdraw(access, project_id, import_id))
