"""Have the project's own images teach an encoder, and see what the last one learned."""

import streamlit as st

from sslapp.ui.common import faults, neighbours, plain
from sslapp.usecases.access import Access
from sslapp.usecases.training.own_encoder import (
    OFFERED,
    SIDES,
    lacks_package,
    learn,
    learning_time,
)
from sslapp.words import roughly


def show(access: Access, project_id: int) -> None:
    """Draw the choice of a network and of a size, folded away."""
    with st.expander("Train an encoder on these images", key=f"projects-own-{project_id}"):
        st.caption(
            "For images unlike photographs, of which no public encoder has seen any: a network "
            "learns without labels to tell each image from the others, whatever its crop and "
            "colours (SimCLR)."
        )
        lacking = lacks_package()
        if lacking:
            st.caption(plain.markdown(lacking))
            return
        with st.container(horizontal=True, vertical_alignment="bottom"):
            network = st.selectbox("Network", OFFERED, key=f"projects-own-network-{project_id}")
            side = st.selectbox(
                "Images",
                SIDES,
                format_func=lambda each: f"{each} pixels" if each else "training store",
                key=f"projects-own-side-{project_id}",
            )
            pressed = st.button("Train encoder", key="projects-own-train")
        seconds = learning_time(access, project_id, network=network, image_size=side)
        st.caption(f"{roughly(seconds).capitalize()}, a rough guess. It can be cancelled.")
        neighbours.show(access, project_id)
    if pressed:
        faults.carry_out(lambda: learn(access, project_id, network=network, image_size=side))
