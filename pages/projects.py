"""Projects: what there is, how the opened one stands, and how to begin another."""

import streamlit as st

from sslapp.ui.common import faults, heading, hint, progress_panel
from sslapp.ui.common.access import require
from sslapp.ui.projects import cards, creation, panels, readers
from sslapp.usecases.projects.listing import project_list
from sslapp.usecases.training.next_step import next_step, read_facts
from sslapp.usecases.training.options import method_titles
from sslapp.usecases.training.progress import live_jobs

access = require()
lines = project_list(access)
if not lines:
    heading.without_project(access, here=True)
    if access.server_admin:
        creation.show(access, closable=False)
    st.stop()

titles = method_titles()
making = access.server_admin and creation.is_asked()
opened = heading.opened(sorted(line.id for line in lines))
heading.remember(opened)
line = next(each for each in lines if each.id == opened)

with st.container(horizontal=True, vertical_alignment="bottom"):
    st.title("Projects", anchor=False)
    if access.server_admin:
        st.button("New project", key="new-project", disabled=making, on_click=creation.ask)

with st.container():
    faults.show_word()

sides = st.grid(3, min_column_width=400)
with sides.cell():
    cards.show(lines, None if making else opened)
    if access.server_admin:
        readers.show(access)
with sides.cell(column_span=2):
    if making:
        creation.show(access, closable=True)
        st.stop()
    live = live_jobs(access, opened)
    found = panels.read(access, line)
    facts = read_facts(access, found)
    heading.record(found)
    hint.show(next_step(facts))
    with st.container():  # always there, so that what is below keeps its place and its state
        if live.active:
            with st.container(border=True):
                progress_panel.show(access, opened, live, titles)
        else:
            progress_panel.show_failures(access, live)
    panels.show(access, found, line.role, facts.working)
