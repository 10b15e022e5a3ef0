"""The reader's projects, a card each, with how far each is."""

from collections.abc import Sequence

import streamlit as st

from sslapp.ui.common import heading, plain
from sslapp.ui.projects import creation
from sslapp.usecases.projects.listing import ProjectLine
from sslapp.words import ago, count

MANY = 5
"""Cards from which on the list scrolls by itself, so that the opened project stays near."""

HEIGHT = 620
NARROWEST = 300


def show(lines: Sequence[ProjectLine], opened: int | None) -> None:
    """Draw the cards.

    Args:
        lines: the projects.
        opened: the id of the project beside the list; None while a new one is made.
    """
    tall = len(lines) > MANY
    with (
        st.container(height=HEIGHT if tall else "content", border=False),
        st.grid(3, min_column_width=NARROWEST),
    ):
        for line in lines:
            _card(line, is_open=line.id == opened)


def _card(line: ProjectLine, *, is_open: bool) -> None:
    with st.container(border=True, gap="xsmall", height="stretch"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain.markdown(line.name)}**", width="stretch")
            st.button(
                "Opened" if is_open else "Open",
                key=f"projects-open-{line.id}",
                disabled=is_open,
                on_click=_open,
                args=(line.id,),
            )
        share = line.labelled / line.images if line.images else 0.0
        st.progress(min(share, 1.0))
        st.caption(facts(line))


def facts(line: ProjectLine) -> str:
    """How the project stands, in a few words."""
    parts = ["no images yet"]
    if line.images:
        parts = [f"{line.labelled:,} of {count(line.images, 'image')} labelled"]
    if line.round_number is not None and line.round_state is not None:
        parts.append(f"round {line.round_number} {line.round_state.value}")
    if line.working:
        parts.append("working")
    return " · ".join([*parts, ago(line.last_activity)])


def _open(project_id: int) -> None:
    creation.give_up()
    heading.remember(project_id)
