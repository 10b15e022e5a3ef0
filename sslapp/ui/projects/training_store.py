"""The training store of a project: what networks train on, and how to make it again."""

import streamlit as st

from sslapp.ui.common import faults
from sslapp.usecases.access import Access
from sslapp.usecases.images.incoming.creation import IMAGE_SIZES
from sslapp.usecases.images.intensities import TITLES, in_words
from sslapp.usecases.images.pixels_again import (
    StoreShape,
    WantedPixels,
    make_pixels_again,
    store_shape,
)
from sslapp.usecases.projects.status import Status
from sslapp.vocabulary import Aspect, Intensities
from sslapp.words import count

_SHAPE = "projects-store-shape"
ASPECTS = {
    Aspect.PAD: "whole, with black borders",
    Aspect.STRETCH: "stretched",
    Aspect.CROP: "the centre",
}


def show(access: Access, status: Status, *, may_change: bool, working: bool) -> None:
    """Draw what the store is and, for admins, the form that makes it again.

    Args:
        access: who reads.
        status: of the project.
        may_change: whether the reader is an admin of the project.
        working: whether it is being made.
    """
    settings = status.settings
    shape = _shape(access, status)
    if shape is not None:
        kind = "grey" if shape.channels == 1 else "colour"
        st.markdown(
            f"Networks train on **{shape.size} x {shape.size} {kind} pixels**, images "
            f"{ASPECTS[settings.aspect]}. Readers see originals."
        )
        if shape.reduced:
            st.caption(
                f"An earlier version kept {count(shape.reduced, 'image')} of arrays at the size of "
                "its store alone. Import them again to have them at full size."
            )
    st.caption(f"Black and white of images with more than 8 bits: {in_words(settings)}.")
    if shape is not None and may_change and not working:
        with st.expander("Make it again", key=f"projects-pixels-{status.project_id}"):
            _form(access, status, shape)


def _shape(access: Access, status: Status) -> StoreShape | None:
    """How the store is, looked up once for its files: it counts images."""
    about = (access.workspace_id, *((each.id, each.pixels) for each in status.sets))
    if st.session_state.get(_SHAPE, (None,))[0] != about:
        st.session_state[_SHAPE] = about, store_shape(access, status.project_id)
    shape: StoreShape | None = st.session_state[_SHAPE][1]
    return shape


def _form(access: Access, status: Status, shape: StoreShape) -> None:
    settings = status.settings
    # what the store is now gives the widgets other keys, so that they show what is true
    mark = f"{status.project_id}-{shape.size}-{settings.aspect}-{settings.intensities}"
    sizes = sorted({*IMAGE_SIZES, shape.size})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        size = st.selectbox(
            "Size",
            sizes,
            index=sizes.index(shape.size),
            format_func=lambda each: f"{each} pixels",
            key=f"projects-pixels-size-{mark}",
            width=130,
        )
        aspect = st.selectbox(
            "Images that are no squares",
            list(ASPECTS),
            index=list(ASPECTS).index(settings.aspect),
            format_func=ASPECTS.__getitem__,
            key=f"projects-pixels-aspect-{mark}",
        )
    offered = [each for each in Intensities if each in (settings.intensities, *_CHOICES)]
    intensities = st.selectbox(
        "Black and white of 16-bit images",
        offered,
        index=offered.index(settings.intensities),
        format_func=TITLES.__getitem__,
        key=f"projects-pixels-intensities-{mark}",
    )
    colour = (
        shape.channels == 1
        and not settings.grey
        and st.checkbox("Three channels, for images in colour", key=f"projects-colour-{mark}")
    )
    st.caption(
        "A job, from the originals. Rounds that have begun or finished keep what they have; "
        "embed again where the encoder reads the store or black and white change."
    )
    if st.button("Make the training store again", key="projects-pixels-make"):
        wanted = WantedPixels(
            size,
            aspect,
            intensities if intensities is not settings.intensities else None,
            bool(colour),
        )
        faults.carry_out(lambda: make_pixels_again(access, status.project_id, wanted))


_CHOICES = (Intensities.IMAGE, Intensities.SET)
