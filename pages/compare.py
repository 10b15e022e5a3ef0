"""Compare: rounds and methods side by side."""

import streamlit as st

from sslapp.methods.cards import CARDS
from sslapp.ui import (
    compare_choice,
    compare_courses,
    compare_film,
    compare_pair,
    compare_round,
    compare_start,
    compare_table,
    heading,
    progress_panel,
)
from sslapp.ui.access import require
from sslapp.usecases.comparing.comparison import newest_event
from sslapp.usecases.comparing.rounds import finished_rounds
from sslapp.usecases.training.progress import progress

access = require()
project_id = heading.open_project(access, "Compare")
titles = {name: card.title for name, card in CARDS.items()}
known = finished_rounds(access, project_id)
live = progress(access, project_id)

with st.container(border=True):
    st.subheader("Run side by side", anchor=False)
    progress_panel.show_failures(access, live)
    compare_start.show(access, project_id, CARDS)

chosen = []
if known:
    with st.container(border=True):
        chosen = compare_choice.show(project_id, known, titles)
        if chosen:
            found = compare_choice.read(
                access, project_id, chosen, newest_event(access, project_id)
            )
            measure = compare_choice.measure(found)
            compare_table.show(found, measure, titles)

if chosen or compare_courses.active(live):
    with st.container(border=True):
        compare_courses.show(access, project_id, chosen, live, titles)

if len(chosen) > 1:
    with st.container(border=True):
        st.subheader("Two rounds against each other", anchor=False)
        compare_pair.show(access, project_id, found, measure, titles)

if chosen:
    closer = compare_round.choose(found, titles)
    if measure in closer.truth:
        with st.container(border=True):
            compare_round.show(access, project_id, found, closer, measure)
        with st.container(border=True):
            compare_round.show_figures(found, closer, measure)
    else:
        st.caption("Neither holdout labels nor a test split with true labels to judge it on yet.")
    with st.container(border=True):
        compare_film.show(access, project_id, found, closer)
