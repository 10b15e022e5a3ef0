"""Train: start a round, follow it, and see the rounds so far."""

import streamlit as st

from sslapp.ui.common import heading, progress_panel
from sslapp.ui.common.access import require
from sslapp.ui.tour import card as tour
from sslapp.ui.train import detail, outcome, rounds, start
from sslapp.usecases.training.history import history
from sslapp.usecases.training.options import CARDS, method_titles
from sslapp.usecases.training.progress import live_jobs

access = require()
project_id = heading.open_project(access, "Train")
tour.show(access, project_id, "train")
live = live_jobs(access, project_id)
so_far = history(access, project_id)
titles = method_titles()

if live.active:
    with st.container(border=True):
        progress_panel.show(access, project_id, live, titles)
    # closed, the form sends nothing along with every look at the running work
    another = st.expander("Queue another round", key="train-another", on_change="rerun")
    if another.open:
        with another:
            start.show(access, project_id, CARDS, busy=True)
else:
    outcome.show(access, project_id, live, so_far.lines, so_far.event)
    with st.container(border=True):
        st.subheader("Next round", anchor=False)
        start.show(access, project_id, CARDS)

with st.container(border=True):
    st.subheader("Rounds so far", anchor=False)
    selected = rounds.choose(so_far.lines, titles, so_far.accepted)
    if selected is not None:
        detail.show(access, project_id, selected, titles)
