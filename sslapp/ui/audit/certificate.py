"""The project's certificate: the statement, what it rests on, a bound for each class."""

import streamlit as st

from sslapp.ui.common import pages, plain
from sslapp.usecases.access import Access
from sslapp.usecases.auditing.certificate import Certificate, certify
from sslapp.usecases.auditing.progress import stop_advice
from sslapp.usecases.auditing.wording import CLASS_NOTE, agreement, derivation, statement
from sslapp.words import at_least, count


def card(access: Access, project_id: int, event: int) -> None:
    """Draw the statement in short, with the way to the audit.

    Args:
        event: number of the newest one: while it stays, so does the certificate.
    """
    found, advice = _certified(str(access.workspace.root), project_id, event, access)
    st.markdown(plain.markdown(statement(found)))
    waiting = f"{count(found.unlabelled, 'image')} without a label." if found.unlabelled else ""
    if said := " ".join(filter(None, [waiting, advice])):
        st.caption(plain.markdown(said))
    pages.button("audit", "Audit", "secondary")


@st.cache_data(max_entries=16, show_spinner=False)
def _certified(root: str, project_id: int, event: int, _access: Access) -> tuple[Certificate, str]:
    return certify(_access, project_id), stop_advice(_access, project_id)


def show(found: Certificate, advice: str) -> None:
    """Draw the certificate, and what more looks would add to it."""
    if not found.labels:
        st.caption("There are no labels to certify yet.")
        return
    st.markdown(f"**{plain.markdown(statement(found))}**")
    st.caption(plain.markdown(" ".join(derivation(found))))
    if advice:
        st.markdown(plain.markdown(advice))
    st.dataframe(
        [
            {
                "Class": each.name,
                "Labels": each.labels,
                "Given blind": each.blind,
                "Wrong at most": each.wrong,
                "Right at least": at_least(each.precision),
            }
            for each in found.classes
        ],
        hide_index=True,
        width="stretch",
        height="content",
    )
    st.caption(CLASS_NOTE)
    for each in found.readers:
        st.caption(plain.markdown(agreement(each)))
