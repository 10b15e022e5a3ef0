"""What a form works out of a file, kept until it is about something else: a page reruns often."""

from collections.abc import Callable, Hashable
from typing import TypeVar

import streamlit as st

_KEPT = "projects-imports-kept"

T = TypeVar("T")


def once(slot: str, about: Hashable, make: Callable[[], T]) -> T:
    """What `make` gives, kept in its slot until it is asked for about something else.

    What it raises is not kept.
    """
    kept = st.session_state.setdefault(_KEPT, {})
    if kept.get(slot, (None,))[0] != about:
        kept[slot] = about, make()
    made: T = kept[slot][1]
    return made
