"""Sends one file, or many, from the browser to the server's disk, with progress and a way to stop.

Streamlit's own uploader holds files in memory; this one streams them to the route of
web/uploads.py, many files as one upload.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from sslapp.ui.common import browser_component

_component = browser_component.declare(
    "sslapp_upload",
    "projects/upload.js",
    html="projects/upload.html",
    styles=("common/buttons.css", "projects/upload.css"),
)


@dataclass(frozen=True)
class Sent:
    """A file that has arrived: the upload's id, and its name as text."""

    id: str
    name: str


def show(
    key: str, url: str, *, limit: int, accept: Sequence[str], pictures: Sequence[str] = ()
) -> Sent | None:
    """Draw the control; return what has arrived through it, if anything.

    The browser says what arrived, so nothing of it is trusted: the id is looked up, with its owner,
    when it is used.

    Args:
        key: of the component.
        url: where files are sent.
        limit: bytes that a file, or all files together, may have.
        accept: endings that a file's name may have that is sent as it is.
        pictures: endings of files of which many, or a folder of them, may be sent as well.
    """
    kept = st.session_state.get(key, {}).get("sent")
    result = _component(
        key=key,
        data={
            "url": url,
            "accept": list(accept),
            "pictures": list(pictures),
            "limit": limit,
            "sent": kept,
        },
        on_sent_change=lambda: None,
    )
    return _sent(result.sent)


def _sent(value: Any) -> Sent | None:
    if not isinstance(value, dict):
        return None
    return Sent(str(value.get("id", "")), str(value.get("name", "")))
