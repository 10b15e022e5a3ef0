"""What an encoder that learns from the project's own images has learned so far."""

import streamlit as st

from sslapp.usecases.access import Access
from sslapp.usecases.training.own_encoder import NEAREST, neighbours_sheet, neighbours_so_far


def show(access: Access, project_id: int) -> None:
    """Draw some images with those that the encoder holds for nearest, once it has shown any."""
    found = neighbours_so_far(access, project_id)
    if found is None:
        return
    st.image(neighbours_sheet(access, project_id, found))
    st.caption(
        f"A row each: an image, and the {NEAREST} that are nearest to it after {found.step:,} of "
        f"{found.total:,} steps. They should show the same thing more and more."
    )
