"""The embedding of a project: which encoder made it, what it covers, and how to make another."""

import streamlit as st

from sslapp.embedding.encoders import ENCODERS, available
from sslapp.ui import plain
from sslapp.ui.words import ago, count
from sslapp.usecases.access import Access, NotAllowed
from sslapp.usecases.embeddings import EmbeddingState, embed, encoder_for
from sslapp.usecases.projects import Status


def show(access: Access, status: Status, newest: EmbeddingState | None, *, working: bool) -> None:
    """Draw the newest embedding and the choice of an encoder.

    Args:
        access: who reads.
        status: of the project.
        newest: its newest embedding, if any.
        working: whether an embedding waits or runs.
    """
    images = status.counts["images"]
    if not images and not working:
        st.caption("Images are embedded after they are imported.")
        return
    st.markdown(_state(newest, images, working=working))
    if working or not images:
        return
    there = available(access.workspace.weights)
    stale = newest is None or newest.count < images
    begin = newest.encoder if newest else encoder_for(status.settings.image_size, access.workspace)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        encoder = st.selectbox(
            "Encoder",
            there,
            index=there.index(begin) if begin in there else 0,
            format_func=lambda each: ENCODERS[each].title,
            key=f"projects-encoder-{status.project_id}",
        )
        pressed = st.button(
            "Embed" if newest is None else "Embed again",
            type="primary" if stale else "secondary",
            key="projects-embed",
        )
    st.caption(ENCODERS[encoder].about)
    if pressed:
        try:
            embed(access, status.project_id, encoder)
        except (ValueError, NotAllowed) as error:
            st.error(plain.markdown(str(error)))
        else:
            st.rerun()


def _state(newest: EmbeddingState | None, images: int, *, working: bool) -> str:
    if newest is None:
        return "Being embedded." if working else "The images are not embedded yet."
    choice = ENCODERS.get(newest.encoder)
    title = plain.markdown(choice.title if choice else newest.encoder)
    parts = [f"**{title}**", f"{newest.dim:,} numbers an image", ago(newest.created_at)]
    line = " · ".join(parts)
    if newest.count < images:
        line += f"  \n{count(images - newest.count, 'image')} came later and need it made again."
    return line
