"""Words for the classes: by them images can be ordered before there are labels."""

import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.usecases.access import Access
from sslapp.usecases.images.prompts import prompts, set_prompts

FAULT = "projects-prompts-fault"


def show(access: Access, project_id: int) -> None:
    """Draw the words and their form, folded away; for embeddings whose encoder reads text."""
    found = prompts(access, project_id)
    if not found:
        return
    with st.expander("Words for the classes", key=f"projects-prompts-{project_id}"):
        st.caption(
            "The way *Like the classes' words* on the Label page begins with the images most like "
            "these. They order images and label none; empty words go back to the usual ones."
        )
        with st.form(f"projects-prompts-form-{project_id}", border=False):
            wanted = {
                name: st.text_input(
                    plain.markdown(name),
                    value=words,
                    # a change elsewhere gives the field another key, so that it shows what is kept
                    key=f"projects-prompt-{project_id}-{number}-{words}",
                )
                for number, (name, words) in enumerate(found.items())
            }
            pressed = st.form_submit_button("Keep the words", key="projects-prompts-keep")
        if pressed:
            faults.attempt(FAULT, lambda: set_prompts(access, project_id, wanted))
            st.rerun()
        faults.show(FAULT)
