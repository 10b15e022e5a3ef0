"""What a chart may want to know of the theme that the reader chose."""

import streamlit as st


def ink() -> str:
    """The colour of text on this page, as the configuration has it."""
    kind = "dark" if st.context.theme.type == "dark" else "light"
    return str(st.get_option(f"theme.{kind}.textColor"))
