"""Compare: rounds and methods side by side."""

import streamlit as st

from sslapp.ui.common import heading, progress_panel
from sslapp.ui.common.access import require
from sslapp.ui.compare import choice, curves, film, groups, one_round, pair, start, table
from sslapp.usecases.comparing.rounds import comparable_rounds
from sslapp.usecases.projects.status import newest_event
from sslapp.usecases.training.options import CARDS, method_titles
from sslapp.usecases.training.progress import live_jobs

access = require()
project_id = heading.open_project(access, "Compare")
titles = method_titles()
known = comparable_rounds(access, project_id)
live = live_jobs(access, project_id)

with st.container(border=True):
    st.subheader("Run side by side", anchor=False)
    progress_panel.show_failures(access, live)
    start.show(access, project_id, CARDS)

chosen = []
if known:
    with st.container(border=True):
        chosen = choice.show(project_id, known, titles)
        if chosen:
            found = choice.read(access, project_id, chosen, newest_event(access, project_id))
            measure = choice.measure(found)
            table.show(found, measure, titles)

if chosen or curves.active(live):
    with st.container(border=True):
        curves.show(access, project_id, chosen, live, titles)

if len(chosen) > 1:
    with st.container(border=True):
        st.subheader("Two rounds against each other", anchor=False)
        pair.show(access, project_id, found, measure, titles)

if chosen:
    closer = one_round.choose(found, titles)
    if measure in closer.truth:
        with st.container(border=True):
            one_round.show(access, project_id, found, closer, measure)
        with st.container(border=True):
            one_round.show_figures(found, closer, measure)
            groups.show(access, project_id, closer, measure)
    else:
        st.caption("Neither holdout labels nor a test split with true labels to judge it on yet.")
    with st.container(border=True):
        film.show(access, project_id, found, closer)
