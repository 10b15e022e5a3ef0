"""What is wrong with the values of a form, each fault below its field."""

from collections.abc import Mapping

import streamlit as st

from sslapp.ui import plain


def below(faults: Mapping[str, str], field: str) -> None:
    """Draw the field's fault, if it has one."""
    if field in faults:
        st.caption(f":red[{plain.markdown(faults[field])}]")


def keep(key: str, faults: Mapping[str, str]) -> None:
    """Remember faults for the next run, which draws the fields anew."""
    st.session_state[key] = dict(faults)


def kept(key: str) -> dict[str, str]:
    """The faults remembered under this key; {} for none."""
    return dict(st.session_state.get(key, {}))


def forget(key: str) -> None:
    """Forget the faults under this key."""
    st.session_state.pop(key, None)
