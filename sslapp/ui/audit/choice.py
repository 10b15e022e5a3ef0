"""Which audit the page is about, and how one is opened."""

from collections.abc import Sequence

import streamlit as st

from sslapp.ui.common import faults
from sslapp.usecases.access import Access
from sslapp.usecases.auditing.opened import AboutLot
from sslapp.usecases.auditing.opening import audit_labels
from sslapp.usecases.auditing.progress import KnownAudit
from sslapp.words import count

FAULT = "audit-fault"

NONE_YET = """An audit proves how many of the labels are right. Images are drawn at random and shown
to you **blind**: without the label, a prediction or a neighbour. What you say of one is its label
from then on, so errors are mended while they are counted. Stop whenever you like and go on another
day: the bound holds at every moment."""

SELDOM = (
    "Every label was given singly and without a suggestion in sight: there is nothing to check."
)


def show(access: Access, project_id: int, known: Sequence[KnownAudit]) -> KnownAudit | None:
    """Draw the choice of audit and the button that opens one; return the chosen one."""
    chosen = None
    if not known:
        st.markdown(NONE_YET)
    with st.container(horizontal=True, vertical_alignment="center"):
        if known:
            names = {each.number: title(each) for each in known}
            key = chosen_audit(project_id)
            faults.drop_gone(key, names, "The audit you looked at is there no more.")
            number = st.selectbox(
                "Audit",
                list(names),
                format_func=names.__getitem__,
                label_visibility="collapsed",
                key=key,
                width=420,
            )
            chosen = next(each for each in known if each.number == number)
        st.button(
            "Check all labels",
            type="secondary" if known else "primary",
            key="audit-all",
            on_click=_open,
            args=(access, project_id),
            help="Every label that nobody gave singly and blind. The certificate rests on it.",
        )
        st.caption("What a round proposes is checked from Review.", width="content")
    faults.show(FAULT)
    return chosen


def chosen_audit(project_id: int) -> str:
    """Where the session keeps the number of the audit that the page is about."""
    return f"audit-chosen-{project_id}"


def title(audit: KnownAudit) -> str:
    """What an audit is about, in words."""
    match audit.about:
        case AboutLot.LABELS:
            lot = count(audit.images, "label")
        case AboutLot.CHALLENGERS:
            lot = f"{count(audit.images, 'candidate')} of round {audit.round_number}"
            lot += f" from {audit.threshold:g} on"
        case AboutLot.SELECTION:
            lot = f"{count(audit.images, 'selected image')} of round {audit.round_number}"
    return f"Audit {audit.number} · {lot}"


def _open(access: Access, project_id: int) -> None:
    def carry_out() -> None:
        opened = audit_labels(access, project_id)
        st.session_state[chosen_audit(project_id)] = opened.number

    faults.attempt(FAULT, carry_out)
