"""The switch between the map of a round's own model and the encoder's, and which map it is.

Only a round whose model has features of its own has the switch.
"""

import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.ui.review import state
from sslapp.usecases.access import Access
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.training.round_maps import RoundMap, map_of_round, show_map_of_round
from sslapp.vocabulary import Projection, Space
from sslapp.words import count

SPACES = {Space.ROUND: "This round", Space.ENCODER: "Encoder"}
HELP = """**This round**: what the trained model tells apart lies apart, so a class that it knows is
a cluster. Images drawn to measure are left off. **Encoder**: what looks alike to the encoder,
whatever was learnt. Neighbours, evidence and *more like this* follow the choice."""
PROJECTION = "review-projection"
EVERY = 2.0
"""Seconds between two looks at a map that is being made."""


def choose(access: Access, project_id: int, number: int) -> None:
    """Draw the switch, where the round has a map of its own, and that map's projection."""
    found = map_of_round(access, project_id, number)
    if found is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="review-spaces"):
        st.segmented_control(
            "Space",
            list(SPACES),
            format_func=SPACES.__getitem__,
            default=Space.ROUND,
            required=True,
            key=state.SPACE,
            persist_state="session",
            help=HELP,
            label_visibility="collapsed",
            on_change=state.leave_map,
        )
        if state.space() is None:
            _projection(access, project_id, number, found)


def about(board: Board) -> str:
    """Which map this is, and what is not on it."""
    if board.space is Space.ENCODER:
        return f"Projection of the {plain.markdown(board.encoder or '')} embedding."
    left_off = len(board.xy) - int(board.drawn.sum())
    said = f"As the model of round {board.round_number} sees the images."
    return f"{said} {count(left_off, 'image')} drawn to measure left off." if left_off else said


def named(space: Space, number: int | None) -> str:
    """Where neighbours are looked for, in words."""
    return f"as round {number} sees them" if space is Space.ROUND else "as the encoder sees them"


def _projection(access: Access, project_id: int, number: int, found: RoundMap) -> None:
    other = Projection.UMAP if found.shown is Projection.PCA else Projection.PCA
    if found.job_id is not None:
        _follow(access, project_id, number, found.job_id)
        return

    def switch() -> None:
        state.leave_map()
        faults.told(lambda: show_map_of_round(access, project_id, number, other))

    st.button(
        f"{other.upper()} map",
        key=PROJECTION,
        type="tertiary",
        help=f"It shows {found.shown.upper()} now. A UMAP map keeps near what is near; it is made "
        "once, as a job.",
        on_click=switch,
    )


def _follow(access: Access, project_id: int, number: int, job_id: int) -> None:
    """Say how far the job is that makes the map; the page runs again when it has ended."""

    def panel() -> None:
        now = map_of_round(access, project_id, number)
        if now is None or now.job_id != job_id:
            st.rerun()
        else:
            st.caption(f"UMAP map: {plain.markdown(now.message) or 'waits for its turn'} …")

    st.fragment(panel, run_every=EVERY, key="review-map-job")()
