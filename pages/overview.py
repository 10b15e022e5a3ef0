"""The project overview: what is labelled, how the images lie, what runs, how good rounds are."""

import streamlit as st

from sslapp.methods.cards import CARDS
from sslapp.ui import (
    class_balance,
    counts,
    embedding_map,
    empty,
    heading,
    progress_panel,
    rounds_table,
    start_form,
)
from sslapp.ui.access import require
from sslapp.usecases import overview
from sslapp.usecases.progress import progress
from sslapp.usecases.projects import status

access = require()
projects = overview.known_projects(access)
if not projects:
    empty.show(access)
    st.stop()

project_id = heading.choose(projects)
found = status(access, project_id)
live = progress(access, project_id)
embedding = overview.embedding_id(access, project_id)
titles = {name: card.title for name, card in CARDS.items()}

heading.show(found)
counts.show(found)

with st.container(border=True):
    if live.active:
        progress_panel.show(access, project_id, live, titles)
    else:
        st.subheader("Next round", anchor=False)
        progress_panel.show_failures(access, live)
        start_form.show(access, project_id, CARDS, start_form.why_not(found, embedding))

sides = st.grid(2, min_column_width=440)
with sides.container(border=True, height="stretch"):
    st.subheader("Embedding map", anchor=False)
    embedding_map.show(access, project_id, embedding, found.head[0], found.classes)
with sides.container(border=True, height="stretch"):
    st.subheader("Labels per class", anchor=False)
    class_balance.show(found.classes, found.per_class)

with st.container(border=True):
    st.subheader("Rounds", anchor=False)
    rounds_table.show(overview.round_lines(access, project_id), titles)
