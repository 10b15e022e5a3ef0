"""Encoded views of the embedding: what is there, and the choice and cost of encoding some."""

import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.usecases.access import Access
from sslapp.usecases.images.encoded_views import (
    AUGMENTATIONS,
    WantedViews,
    cost,
    encoded_views,
    start_encoding,
)
from sslapp.words import ago, count

MOST = 16
"""Views of a kind that the page offers; the command line takes more."""


def show(access: Access, project_id: int) -> None:
    """Draw the views of the newest embedding, which covers all images, and the choice of others."""
    found = encoded_views(access, project_id)
    with st.expander("Views for FixMatch", key=f"projects-views-{project_id}"):
        if found is None:
            st.caption(
                "On frozen features FixMatch compares views of an image that were encoded "
                "once. No views are encoded yet."
            )
        else:
            st.markdown(
                f"**{count(found.weak, 'weak view')} and {count(found.strong, 'strong view')}** · "
                f"{plain.markdown(found.augmentation)} · {ago(found.created_at)}"
            )
        wanted = _wanted(project_id)
        try:
            st.caption(plain.markdown(str(cost(access, project_id, wanted))))
        except faults.READERS as error:
            st.caption(plain.markdown(str(error)))
            return
        if st.button("Encode views", key="projects-encode-views"):
            faults.carry_out(lambda: start_encoding(access, project_id, wanted))


def _wanted(project_id: int) -> WantedViews:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        weak = st.number_input(
            "Weak", 0, MOST, WantedViews.weak, key=f"projects-weak-{project_id}", width=110
        )
        strong = st.number_input(
            "Strong", 1, MOST, WantedViews.strong, key=f"projects-strong-{project_id}", width=110
        )
        augmentation = st.selectbox(
            "Strong views by",
            AUGMENTATIONS,
            index=AUGMENTATIONS.index(WantedViews.augmentation),
            key=f"projects-augmentation-{project_id}",
        )
    return WantedViews(weak=int(weak), strong=int(strong), augmentation=augmentation)
