"""What a reader sees who has no project yet."""

import streamlit as st

from sslapp.ui.common import pages, plain
from sslapp.usecases.access import Access
from sslapp.usecases.images.creation import ensure_demo


def show(access: Access, *, here: bool = False) -> None:
    """Offer the demo, and say how a project of one's own begins; or whom to ask for one.

    Args:
        access: who reads.
        here: whether this page itself makes projects.
    """
    if not access.server_admin:
        st.title("No project is open to you", anchor=False)
        st.markdown(
            f"Ask an admin to give **{plain.markdown(access.reader)}** a role in a project."
        )
        return
    st.title("No project yet", anchor=False)
    st.markdown("Try the loop on scikit-learn's handwritten digits, or begin with your own images.")
    with st.container(horizontal=True):
        if st.button("Set up the digits demo", type="primary", key="demo"):
            ensure_demo(access)
            st.rerun()
        if not here:
            pages.button("projects", "Make a project of your own", kind="secondary")
