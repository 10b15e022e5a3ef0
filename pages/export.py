"""Export: the labelled data set, with where each label came from, and a report of the project."""

import streamlit as st

from sslapp.ui.common import heading
from sslapp.ui.common.access import require
from sslapp.ui.export import form, listing, preview
from sslapp.ui.tour import card as tour

access = require()
project_id = heading.open_project(access, "Export")
tour.show(access, project_id, "export")
counts = preview.read_counts(access, project_id)

sides = st.grid(2, min_column_width=440)
with sides.container(border=True, height="stretch"):
    st.subheader("Data set", anchor=False)
    chosen = form.show(access, project_id, counts)
with sides.container(border=True, height="stretch"):
    st.subheader("Labels in it", anchor=False)
    preview.show_counts(counts, chosen)

if counts.total(chosen):
    with st.container(border=True):
        st.subheader("First rows", anchor=False)
        preview.show_rows(access, project_id, chosen)

with st.container(border=True):
    st.subheader("Report", anchor=False)
    form.show_report(access, project_id)

with st.container(border=True):
    st.subheader("Exports", anchor=False)
    listing.show(access, project_id)
