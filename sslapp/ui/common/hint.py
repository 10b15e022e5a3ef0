"""The next step in a project: one sentence, and the way to where it is done."""

import streamlit as st

from sslapp.ui.common import pages
from sslapp.usecases.training.next_step import NextStep, Page

LINKS = {
    Page.LABEL: "Go to Label",
    Page.TRAIN: "Go to Train",
    Page.REVIEW: "Go to Review",
    Page.EXPORT: "Go to Export",
}


def show(step: NextStep) -> None:
    """Draw the step."""
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Next:** {step.sentence}", width="stretch")
        if step.page in LINKS:
            pages.button(step.page, LINKS[step.page])
