"""Inputs that begin with a default of the project's and follow it until a reader sets them.

A widget keeps its first default for the session. Were that all, a default that changes later would
be taken for the reader's own choice of the old one.
"""

from typing import Any

import streamlit as st


def follow(key: str, default: Any) -> None:
    """Put the default into an input that holds nothing yet, or an earlier one nobody touched.

    Args:
        key: of the widget, which is drawn after this with `on_change=touch, args=(key,)`.
        default: what the project says now.
    """
    state, before = st.session_state, _before(key)
    untouched = before in state and state.get(key) == state[before] and not state.get(_touched(key))
    if key not in state or untouched:
        state[key] = default
    state[before] = default


def touch(key: str) -> None:
    """The reader set the input by hand: it follows no longer."""
    st.session_state[_touched(key)] = True


def let_go(key: str, default: Any) -> None:
    """Back to the default, to follow it again."""
    st.session_state[key] = default
    st.session_state.pop(_touched(key), None)


def _before(key: str) -> str:
    return f"{key}-default"


def _touched(key: str) -> str:
    return f"{key}-touched"
