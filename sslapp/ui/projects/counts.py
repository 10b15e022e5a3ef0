"""The strip of counts at the top: how far the project is."""

import streamlit as st

from sslapp.usecases.projects.status import Status

CELL = 104
"""Least width of one figure in pixels; narrower pages wrap."""


def show(status: Status) -> None:
    """Draw images, labels by source, pool, holdout and reader actions."""
    counts = status.counts
    figures: list[tuple[str, int | str, str | None]] = [
        ("Images", counts["images"], None),
        ("Expert labels", counts["expert"], None),
        ("Accepted", counts["accepted"], "Pseudo-labels that a reader accepted."),
        *(
            [("Adjudicated", counts["adjudicated"], "Labels that settled a disagreement.")]
            if counts["adjudicated"]
            else []
        ),
        *(
            [("None of these", counts["none_of_these"], "Images that no class fits.")]
            if counts["none_of_these"]
            else []
        ),
        ("Pool", counts["pool"], "Images without a label that may receive a pseudo-label."),
        (
            "Holdout",
            f"{counts['holdout_labelled']:,} / {counts['holdout']:,}",
            "Labelled of drawn: images drawn at random that no round trains on. "
            "Accuracy is measured on them alone.",
        ),
        ("Reader actions", counts["reader_actions"], None),
    ]
    with st.container(border=True), st.grid(len(figures), min_column_width=CELL):
        for label, value, about in figures:
            st.metric(label, f"{value:,}" if isinstance(value, int) else value, help=about)
