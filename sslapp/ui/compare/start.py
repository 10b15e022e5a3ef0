"""Run several methods side by side, on one snapshot and with one seed."""

from collections.abc import Mapping

import streamlit as st

from sslapp.ui.common import faults
from sslapp.ui.compare.choice import awaited_key
from sslapp.usecases.access import Access
from sslapp.usecases.training.options import MethodCard
from sslapp.usecases.training.rounds import start_side_by_side

LARGEST_SEED = 2**31 - 1
USUAL = ("supervised", "fixmatch")


def show(access: Access, project_id: int, methods: Mapping[str, MethodCard]) -> None:
    """Draw the choice of methods, the seed and the button."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Methods",
            list(methods),
            default=[name for name in USUAL if name in methods],
            format_func=lambda name: methods[name].title,
            key="compare-methods",
            placeholder="Choose methods",
        )
        seed = st.number_input(
            "Seed", min_value=0, max_value=LARGEST_SEED, value=0, key="compare-seed", width=120
        )
        pressed = st.button("Run all on one snapshot", key="compare-run", disabled=not chosen)
    st.caption(
        "Each method trains in its preferred gear on the labels as they are now, one after the "
        "other; the curves below follow them."
    )
    if pressed:
        faults.carry_out(lambda: _start(access, project_id, chosen, int(seed)))


def _start(access: Access, project_id: int, chosen: list[str], seed: int) -> None:
    numbers = start_side_by_side(access, project_id, chosen, seed=seed)
    key = awaited_key(project_id)
    st.session_state[key] = [*st.session_state.get(key, []), *numbers]
