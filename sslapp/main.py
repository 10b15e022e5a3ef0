"""The Streamlit main script: page set-up and navigation.

It lies outside the folder that holds pages/, because Streamlit serves a `pages` folder beside the
main script without running the main script. Every page guards itself all the same.
"""

from pathlib import Path

import streamlit as st

PAGES = Path(__file__).resolve().parents[1] / "pages"

# drawn here, because Streamlit's named icons come from a server on the internet
ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<g fill="#8C94A0"><circle cx="7" cy="9" r="4"/><circle cx="25" cy="22" r="4"/></g>
<circle cx="21" cy="9" r="5" fill="#E69F00"/><circle cx="10" cy="22" r="6" fill="#4A52C4"/>
</svg>"""

st.set_page_config(page_title="sslapp", page_icon=ICON, layout="wide")
page = st.navigation(
    [
        st.Page(
            PAGES / "overview.py",
            title="Overview",
            help="How a project stands: labels, embedding map, rounds and their progress.",
            default=True,
        )
    ],
    position="top",
)
page.run()
