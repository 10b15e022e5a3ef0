"""The Streamlit main script: page set-up and navigation.

It lies outside the folder that holds pages/, because Streamlit serves a `pages` folder beside the
main script without running the main script. Every page guards itself all the same.
"""

from pathlib import Path

import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.ui.common.access import is_local, reader_name, sign_out, signed_in
from sslapp.ui.reader import choice

PAGES = Path(__file__).resolve().parents[1] / "pages"

# drawn here, because Streamlit's named icons come from a server on the internet
ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<g fill="#8C94A0"><circle cx="7" cy="9" r="4"/><circle cx="25" cy="22" r="4"/></g>
<circle cx="21" cy="9" r="5" fill="#E69F00"/><circle cx="10" cy="22" r="6" fill="#4A52C4"/>
</svg>"""


def _account() -> dict[str, list[st.Page]]:
    """The reader's name; below it the way out, or to another name where nobody signs in."""
    name = reader_name()
    if is_local():
        other = st.Page(choice.page, title="Change reader", url_path="reader")
        return {plain.markdown(name or "Reader"): [other]}
    out = st.Page(sign_out, title="Sign out", url_path="sign-out")
    return {} if name is None else {plain.markdown(name): [out]}


st.set_page_config(page_title="sslapp", page_icon=ICON, layout="wide")
# before any gate, and for everybody: until st.navigation is reached, Streamlit goes its old way
# and runs a page's file for whoever asks. Each page has its own gate.
page = st.navigation(
    {
        "": [
            st.Page(
                PAGES / "projects.py",
                title="Projects",
                help="Create and open projects: images, classes, how each stands.",
                default=True,
            ),
            st.Page(
                PAGES / "label.py",
                title="Label",
                help="One image after the other, on the keyboard.",
            ),
            st.Page(
                PAGES / "train.py",
                title="Train",
                help="Start a round, follow it, and see the rounds so far.",
            ),
            st.Page(
                PAGES / "review.py",
                title="Review",
                help="Accept or reject pseudo-labels in the embedding map.",
            ),
            st.Page(
                PAGES / "audit.py",
                title="Audit",
                help="Check a sample of the labels blind, and see what is proven.",
            ),
            st.Page(
                PAGES / "compare.py",
                title="Compare",
                help="Rounds and methods side by side.",
            ),
            st.Page(
                PAGES / "export.py",
                title="Export",
                help="The labelled data set, with where each label came from.",
            ),
        ],
        **_account(),
    },
    position="top" if signed_in() else "hidden",
)
with faults.page():
    page.run()
