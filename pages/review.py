"""Review: accept or reject pseudo-labels in the embedding map."""

import streamlit as st

from sslapp.ui.common import faults, heading
from sslapp.ui.common.access import require
from sslapp.ui.review import bar, board, bulks, empty, map_panel, room, selection, state
from sslapp.ui.review.decisions import history
from sslapp.ui.tour import card as tour
from sslapp.usecases.comparing.rounds import numbers_and_methods
from sslapp.usecases.training.options import method_titles
from sslapp.usecases.training.progress import live_jobs

access = require()
project_id = heading.open_project(access, "Review")
tour.show(access, project_id, "review")
rounds = numbers_and_methods(access, project_id)
live = live_jobs(access, project_id)
titles = method_titles()

number: int | None = None
if not rounds and not empty.no_round(access, project_id, live, titles):
    state.enter(project_id, None)
    st.stop()

names = {each: f"Round {each} · {titles.get(method, method)}" for each, method in rounds}
chosen = f"review-round-{project_id}"
faults.drop_gone(chosen, names, "The round you looked at is there no more; this is the newest.")
with st.container(key=room.BAR, horizontal=True, vertical_alignment="top", gap="small"):
    if rounds:
        number = st.selectbox(
            "Round",
            list(names),
            format_func=names.__getitem__,
            label_visibility="collapsed",
            key=chosen,
            width=220,
        )
    beside = st.container()
    history.button(access, project_id)
key = board.key_of(access, project_id, number)
state.enter(project_id, key.projection)
if rounds:
    empty.running(live)
empty.other_classes(board.load(access, project_id, number, key))
of_bulks = st.container()  # always there, so that what is below keeps its place and its state
of_map, of_desk = room.panes(access)
# the map first: it takes the browser longest
with of_map:
    map_panel.show(access, project_id, number, key)
with of_desk:
    selection.show(access, project_id, number)
with beside:
    bar.show(access, project_id, number)
with of_bulks:
    bulks.show(access, project_id)
