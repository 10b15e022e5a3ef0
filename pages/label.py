"""Label: one image after the other, on the keyboard."""

import streamlit as st

from sslapp.ui.common import heading
from sslapp.ui.common.access import require
from sslapp.ui.label.desk import show
from sslapp.ui.tour import card as tour
from sslapp.usecases.labelling.offers import opening

access = require()
project_id = heading.open_project(access, "Label")
tour.show(access, project_id, "label")
# taken out of the address: a reload must not undo what the reader chose since
asked = st.query_params.pop("strategy", "")
show(access, project_id, opening(access, project_id), asked)
