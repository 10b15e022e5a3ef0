"""Sends one file from the browser to the server's disk, with progress and a way to stop it.

Streamlit's own uploader holds a file in memory; this one streams it to the route of web/uploads.py.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from sslapp.usecases.images.uploads import SUFFIXES

_HERE = Path(__file__).parents[1] / "components" / "projects"

_component = st.components.v2.component(
    "sslapp_upload",
    html=(_HERE / "upload.html").read_text(encoding="utf-8"),
    css=(_HERE / "upload.css").read_text(encoding="utf-8"),
    js=(_HERE / "upload.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Sent:
    """A file that has arrived: the upload's id, and its name as text."""

    id: str
    name: str


def show(key: str, url: str, *, limit: int) -> Sent | None:
    """Draw the control; return what has arrived through it, if anything.

    The browser says what arrived, so nothing of it is trusted: the id is looked up, with its owner,
    when it is used.

    Args:
        key: of the component.
        url: where files are sent.
        limit: bytes that a file may have.
    """
    kept = st.session_state.get(key, {}).get("sent")
    result = _component(
        key=key,
        data={"url": url, "accept": ",".join(SUFFIXES), "limit": limit, "sent": kept},
        on_sent_change=lambda: None,
    )
    return _sent(result.sent)


def _sent(value: Any) -> Sent | None:
    if not isinstance(value, dict):
        return None
    return Sent(str(value.get("id", "")), str(value.get("name", "")))
