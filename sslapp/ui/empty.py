"""What a reader sees who has no project yet."""

import streamlit as st

from sslapp.usecases.access import Access
from sslapp.usecases.demo import ensure_demo

COMMANDS = """sslapp init "My project" --classes "cats,dogs"
sslapp import FOLDER
sslapp embed"""


def show(access: Access) -> None:
    """Offer the demo, and say how a project of one's own begins."""
    st.title("No project yet", anchor=False)
    st.markdown("Try the loop on scikit-learn's handwritten digits, or begin with your own images.")
    if st.button("Set up the digits demo", type="primary", key="demo"):
        ensure_demo(access)
        st.rerun()
    st.caption("Your own images, from the command line:")
    st.code(COMMANDS, language=None, width=560)
