"""Label: one image after the other, on the keyboard."""

import streamlit as st

from sslapp.ui.common import heading
from sslapp.ui.common.access import require
from sslapp.ui.label.desk import show
from sslapp.usecases.labelling.offers import opening

access = require()
project_id = heading.open_project(access, "Label")
show(access, project_id, opening(access, project_id), st.query_params.get("strategy", ""))
