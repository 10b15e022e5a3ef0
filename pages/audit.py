"""Audit: look at drawn images blind, and see what is proven."""

import streamlit as st

from sslapp.ui.audit import certificate, choice
from sslapp.ui.common import heading
from sslapp.ui.common.access import require
from sslapp.ui.label.desk import show
from sslapp.ui.tour import card as tour
from sslapp.usecases.auditing.certificate import certify
from sslapp.usecases.auditing.progress import known_audits, stop_advice
from sslapp.usecases.labelling.offers import opening

access = require()
project_id = heading.open_project(access, "Audit")
tour.show(access, project_id, "audit")
chosen = choice.show(access, project_id, known_audits(access, project_id))
if chosen is not None:
    show(access, project_id, opening(access, project_id), audit=chosen.number)
with st.expander("Certificate", key="audit-certificate", on_change="rerun") as card:
    pass
if card.open:
    with card:
        certificate.show(certify(access, project_id), stop_advice(access, project_id))
