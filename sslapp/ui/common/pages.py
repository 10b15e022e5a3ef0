"""The way from one page to another."""

from pathlib import Path
from typing import Literal

import streamlit as st

PAGES = Path(__file__).resolve().parents[3] / "pages"


def button(page: str, label: str, kind: Literal["primary", "secondary"] = "primary") -> None:
    """Draw a button that opens a page by the name of its file; the opened project stays open."""
    if st.button(label, type=kind, key=f"go-to-{page}"):
        open_page(page)


def open_page(page: str) -> None:
    """Go on with a page by the name of its file; this run ends."""
    st.switch_page(str(PAGES / f"{page}.py"))
