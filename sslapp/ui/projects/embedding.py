"""The embedding of a project: which encoder made it, what it covers, and how to make another."""

import streamlit as st

from sslapp.ui.common import faults, plain, progress_panel
from sslapp.ui.projects import prompts, views, weights
from sslapp.usecases.access import Access
from sslapp.usecases.images.embeddings import (
    EmbeddingState,
    embed,
    encoder_for_set,
    encoder_title,
    encoders_of_project,
    further_encoder,
)
from sslapp.usecases.images.encoding_time import encoding_time
from sslapp.usecases.images.maps import projection_of, show_projection
from sslapp.usecases.images.similar import reads_text
from sslapp.usecases.projects.status import Status
from sslapp.usecases.training.own_encoder import (
    OFFERED,
    SIDES,
    lacks_package,
    learn,
    learning_time,
)
from sslapp.vocabulary import Projection
from sslapp.words import ago, count, roughly

ABOUT_MAP = {
    Projection.PCA: "Map by PCA: what is far apart on it is far apart in the embedding.",
    Projection.UMAP: "Map by UMAP: neighbours stay together; distances between groups say nothing.",
}


def show(
    access: Access,
    status: Status,
    newest: EmbeddingState | None,
    *,
    working: bool,
    may_change: bool,
) -> None:
    """Draw the newest embedding and the choice of an encoder.

    Args:
        access: who reads.
        status: of the project.
        newest: its newest embedding, if any.
        working: whether an embedding waits or runs.
        may_change: whether the reader is an admin of the project.
    """
    images = status.counts["images"]
    if not images and not working:
        st.caption("Images are embedded after they are imported.")
        return
    st.markdown(_state(newest, images, working=working))
    if working or not images:
        return
    there = encoders_of_project(access, status.project_id)
    names = list(there)
    stale = newest is None or newest.count < images
    begin = newest.encoder if newest else encoder_for_set(status.sets[0], access.workspace)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        encoder = st.selectbox(
            "Encoder",
            names,
            index=names.index(begin) if begin in there else 0,
            format_func=lambda each: there[each].title,
            key=f"projects-encoder-{status.project_id}",
        )
        pressed = st.button(
            "Embed" if newest is None else "Embed again",
            type="primary" if stale else "secondary",
            key="projects-embed",
        )
    time = encoding_time(access, encoder, images)
    st.caption(there[encoder].about + (f" {str(time).capitalize()}" if time else ""))
    if not stale:
        _further(access, status)
    _map(access, status.project_id)
    weights.show(access, status.project_id)
    _own_encoder(access, status.project_id)
    if may_change and reads_text(access, status.project_id):
        prompts.show(access, status.project_id)
    if pressed:
        faults.carry_out(lambda: embed(access, status.project_id, encoder))
    if not stale:
        views.show(access, status.project_id)


def _further(access: Access, status: Status) -> None:
    """Offer one more encoder to the ensemble, with what it costs."""
    encoder = further_encoder(access, status.project_id)
    if encoder is None:
        return
    time = encoding_time(access, encoder, status.counts["images"])
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch"):
            st.caption(
                "The ensemble averages over all encoders, and two tell more than one. "
                + (f"{encoder_title(encoder)}: {time}" if time else "")
            )
        pressed = st.button("Add " + encoder_title(encoder), key="projects-further-encoder")
    if pressed:
        faults.carry_out(lambda: embed(access, status.project_id, encoder))


def _own_encoder(access: Access, project_id: int) -> None:
    """Draw the choice of a network and of a size, folded away."""
    title, key = "Train an encoder on these images", f"projects-own-{project_id}"
    shown = st.expander(title, key=key, on_change="rerun")
    if not shown.open:
        return
    with shown:
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
        progress_panel.neighbours(access, project_id)
    if pressed:
        faults.carry_out(lambda: learn(access, project_id, network=network, image_size=side))


def _map(access: Access, project_id: int) -> None:
    """Which projection the map shows, and the button of the other one."""
    shown = projection_of(access, project_id)
    if shown is None:
        return
    other = Projection.UMAP if shown is Projection.PCA else Projection.PCA
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch"):  # wraps instead of pushing the button below it
            st.caption(ABOUT_MAP[shown])
        pressed = st.button(f"{other.upper()} map", key="projects-map")
    if pressed:
        faults.carry_out(lambda: show_projection(access, project_id, other))


def _state(newest: EmbeddingState | None, images: int, *, working: bool) -> str:
    if newest is None:
        return "Being embedded." if working else "The images are not embedded yet."
    title = plain.markdown(encoder_title(newest.encoder))
    parts = [f"**{title}**", f"{newest.dim:,} numbers an image", ago(newest.created_at)]
    line = " · ".join(parts)
    if newest.count < images:
        line += f"  \n{count(images - newest.count, 'image')} came later and need it made again."
    return line
