"""Accuracy of one round by group: for whom it is right, and for whom less so."""

import pandas as pd
import streamlit as st

from sslapp.usecases.access import Access
from sslapp.usecases.comparing.comparison import Compared, Measure
from sslapp.usecases.comparing.groups import score_by_group
from sslapp.usecases.images.metadata import groupable, metadata_columns
from sslapp.words import proportion

COLUMN = "compare-group-by"
WIDTH = 600
"""Pixels: two columns that stand further apart are read across the wrong line."""


def show(access: Access, project_id: int, chosen: Compared, measure: Measure) -> None:
    """Draw the choice of a column and a line a group; nothing without metadata."""
    offered = [each.name for each in metadata_columns(access, project_id) if groupable(each)]
    if not offered:
        return
    if st.session_state.get(COLUMN) not in (None, *offered):
        del st.session_state[COLUMN]
    with st.container(width=WIDTH):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader("Accuracy by group", anchor=False, width="stretch")
            column = st.selectbox(
                "Groups by", offered, key=COLUMN, label_visibility="collapsed", width=200
            )
        found = score_by_group(access, project_id, chosen, measure, column)
        frame = pd.DataFrame(
            {
                column: [each.name for each in found],
                "Accuracy (95 % interval)": [
                    proportion(each.score.share, each.score.judged) for each in found
                ],
            }
        )
        st.dataframe(frame, hide_index=True, alt=f"Accuracy by {column}", key="compare-groups")
        st.caption(
            f"Of the {measure} images. Intervals of small groups are wide: a difference within "
            "them may be chance."
        )
