"""Another finding on the same images: the form that makes a sibling of the open project."""

import streamlit as st

from sslapp.ui.common import faults, heading, plain
from sslapp.usecases.access import Access
from sslapp.usecases.images.incoming.creation import class_names
from sslapp.usecases.images.sibling import make_sibling

ABOUT = (
    "A project over these images with classes, labels and a holdout of its own. Images, groups, "
    "splits, metadata and embeddings come along, and take no further room on the disk; labels and "
    "hidden true labels stay here."
)


def show(access: Access, project_id: int) -> None:
    """Draw the form; for server admins, of a project with images."""
    with st.expander("Another finding on these images", key=f"projects-sibling-{project_id}"):
        st.caption(ABOUT)
        key = f"projects-sibling-{project_id}"
        name = st.text_input("Name of the new project", key=f"{key}-name", placeholder="Effusion")
        classes = st.text_input(
            "Its classes",
            key=f"{key}-classes",
            placeholder="present, absent",
            help="With commas between them; they can be added, renamed and retired later.",
        )
        if st.button("Create project", key="projects-sibling-create"):
            names = class_names(classes or "")
            why = faults.refusal(
                lambda: heading.remember(
                    make_sibling(access, name or "", names, of=project_id).project_id
                )
            )
            if why:
                st.caption(f":red[{plain.markdown(why)}]")
            else:
                st.rerun()
