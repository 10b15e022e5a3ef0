"""The Review page as one screen: map and desk side by side, as high as the window has room.

Streamlit stacks a page's elements and lets the page grow. Here the browser is told to give the map
and the desk what the window has left below the bar, and to stack them where it is narrow. How a
reader divided the room is remembered in their browser.
"""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from sslapp.ui.common import browser_component
from sslapp.usecases.access import Access
from sslapp.web import browser_code

BAR, ROOM = "review-bar", "review-room"
MAP, DESK = "review-map-pane", "review-desk-pane"

_STYLES = (browser_code.COMPONENTS / "review/room_page.css").read_text(encoding="utf-8")

_component = browser_component.declare(
    "sslapp_review_room",
    "review/room.js",
    html="review/room.html",
    styles=("review/room.css",),
)


def panes(access: Access) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Open the room and return its two panes: the map's and the desk's."""
    st.html(f"<style>{_STYLES}</style>")
    _component(
        key="review-dividers",
        data={
            "room": ROOM,
            "first": MAP,
            "second": DESK,
            "scope": f"sslapp-room-{access.workspace_id}-{access.reader_id}",
        },
        height="content",
    )
    with st.container(key=ROOM, horizontal=True, wrap=False, gap="small"):
        first = st.container(key=MAP, border=True, gap="xsmall")
        second = st.container(key=DESK, border=True, gap="xsmall")
    return first, second
