"""The guard that every page calls first: who reads, and in which workspace."""

import streamlit as st

from sslapp.usecases.access import Access, enter
from sslapp.workspace import Workspace


def require() -> Access:
    """Who reads this page. In local mode that is the one reader of this machine.

    Only this machine gets here at all: the server binds to 127.0.0.1 and web.py checks the Host.
    """
    workspace = Workspace()
    return _enter(str(workspace.root), workspace.url)


@st.cache_resource(max_entries=4, show_spinner=False)
def _enter(root: str, url: str) -> Access:
    # the arguments are the cache's key: another workspace is another database
    return enter(Workspace())
