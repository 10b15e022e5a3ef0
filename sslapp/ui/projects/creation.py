"""The form that makes a project."""

import streamlit as st

from sslapp.ui.common import faults, heading
from sslapp.ui.projects.imports import sources
from sslapp.usecases.access import Access
from sslapp.usecases.images.embeddings import PHOTOGRAPH, encoders_here
from sslapp.usecases.images.incoming.creation import IMAGE_SIZES, NewProject, class_names, create
from sslapp.usecases.images.intensities import TITLES
from sslapp.usecases.projects.settings import ProjectSettings
from sslapp.vocabulary import Intensities

ASKED = "projects-new"
"""Where the session keeps whether the form is open."""

FAULTS = "projects-new-faults"

BY_SIZE = (
    f"Images of {PHOTOGRAPH} pixels and more by what a network learned from photographs, smaller "
    "ones by the pixels themselves."
)


def is_asked() -> bool:
    """Whether the reader has the form open."""
    return bool(st.session_state.get(ASKED))


def ask() -> None:
    """Open the form."""
    st.session_state[ASKED] = True


def give_up() -> None:
    """Close the form."""
    st.session_state.pop(ASKED, None)
    faults.forget(FAULTS)


def show(access: Access, *, closable: bool) -> None:
    """Draw the form and make the project when it is complete.

    Args:
        access: who makes it.
        closable: whether there is something else to go back to.
    """
    found = faults.kept(FAULTS)
    with st.container(border=True):
        st.subheader("New project", anchor=False)
        name = st.text_input("Name", key="projects-new-name", placeholder="Chest X-rays")
        faults.below(found, "name")
        choice = sources.show(access, "projects-new", found, may_be_none=True)
        classes = st.text_area(
            "Classes (optional)",
            key="projects-new-classes",
            height=92,
            placeholder="normal, pneumonia",
            help="One a line, or with commas between them. Left empty, the set's own are taken; "
            "classes can be added, renamed and retired later.",
        )
        faults.below(found, "classes")
        sources.show_plan(
            *(access, "projects-new", choice, found),
            project_id=None,
            class_names=class_names(classes or ""),
        )
        settings, encoder = _options(access)
        faults.below(found, "encoder")
        with st.container(horizontal=True):
            pressed = st.button("Create project", type="primary", key="projects-create")
            if closable:
                st.button("Cancel", key="projects-new-cancel", on_click=give_up)
    if pressed:
        names = class_names(classes or "")
        wanted = NewProject(
            name=name or "", source=choice, classes=names, settings=settings, encoder=encoder
        )
        _make(access, wanted)


def _options(access: Access) -> tuple[ProjectSettings, str | None]:
    with st.expander("Options"):
        size = st.selectbox(
            "Image size for training",
            [None, *IMAGE_SIZES],
            format_func=lambda side: f"{side} pixels" if side else "native (at most 64 pixels)",
            key="projects-new-size",
            help="Networks train on square images of this side; readers always see the original.",
        )
        there = encoders_here(access)
        encoder = st.selectbox(
            "Encoder",
            [None, *there],
            format_func=lambda each: there[each].title if each else "by the images' size",
            key="projects-new-encoder",
        )
        st.caption(there[encoder].about if encoder else BY_SIZE)
        intensities = st.selectbox(
            "Black and white of 16-bit images: percentiles",
            [Intensities.IMAGE, Intensities.SET],
            format_func=TITLES.__getitem__,
            key="projects-new-intensities",
            help="Images with more than 8 bits a sample are mapped to 256 shades, the same for "
            "readers, training and encoders. Of the set: shades can be compared between images.",
        )
        grey = st.checkbox(
            "Grey images", key="projects-new-grey", help="Keep one channel instead of three."
        )
        flip = st.checkbox(
            "A mirrored image keeps its class",
            key="projects-new-flip",
            help="True of cats and cars; not of digits, letters or organs.",
        )
        single = st.checkbox(
            "One reader an image",
            value=True,
            key="projects-new-single",
            help="An image that one reader has before them is offered to no other meanwhile.",
        )
    settings = ProjectSettings(
        image_size=size, grey=grey, flip=flip, single_reads=single, intensities=intensities
    )
    return settings, encoder


def _make(access: Access, wanted: NewProject) -> None:
    wrong = faults.of_fields(lambda: heading.remember(create(access, wanted)), "name")
    if wrong:
        faults.keep(FAULTS, wrong)
    else:
        give_up()
    st.rerun()
