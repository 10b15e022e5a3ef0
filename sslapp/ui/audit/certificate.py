"""The project's certificate: the statement, what it rests on, a bound for each class."""

import streamlit as st

from sslapp.ui.common import plain
from sslapp.usecases.auditing.certificate import Certificate
from sslapp.usecases.auditing.wording import CLASS_NOTE, agreement, derivation, statement
from sslapp.words import at_least


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
