"""The trained model of a round: the button that takes it out, and what was taken out."""

import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.ui.export import listing
from sslapp.usecases.access import Access
from sslapp.usecases.exporting.models import export_model, why_no_onnx

ABOUT = (
    "A zip with weights, classes in column order, calibration and a model card. `sslapp predict` "
    "reads it without a workspace; its model.onnx, image in and calibrated probabilities out, runs "
    "without sslapp."
)


def show(access: Access, project_id: int, number: int) -> None:
    """Draw it for a round that has finished."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(ABOUT, width="stretch")
        pressed = st.button("Export the trained model", key=f"model-export-{number}")
    if why := why_no_onnx():
        st.caption(f"Here it will have no model.onnx: {plain.markdown(why)}")
    if pressed:
        faults.carry_out(lambda: export_model(access, project_id, number))
    listing.show(access, project_id, number)
