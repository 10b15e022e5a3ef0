"""What a round would use, before it is started: labels, pool, holdout, and what to know."""

import streamlit as st

from sslapp.ui.common import class_balance, plain
from sslapp.usecases.access import Access
from sslapp.usecases.training.preview import Choices, Preview, preview, warnings
from sslapp.words import count


def read(access: Access, project_id: int, can: Choices, same_as: int | None) -> Preview:
    """The labels that a round would see; read again only after another event."""
    return _read(str(access.workspace.root), project_id, can.event, same_as, access)


@st.cache_data(max_entries=8, show_spinner=False)
def _read(root: str, project_id: int, event: int, same_as: int | None, _access: Access) -> Preview:
    return preview(_access, project_id, same_as)


def show(found: Preview, can: Choices, same_as: int | None) -> None:
    """Draw the labels per class and source, the other counts, and the warnings."""
    st.caption(facts(found))
    class_balance.show(found.classes, found.per_class)
    for sentence in warnings(found, can, same_as):
        st.caption(f":orange[:material/warning:] {plain.markdown(sentence)}")


def facts(found: Preview) -> str:
    """The counts in a line."""
    said = [
        count(found.labelled, "label"),
        f"pool of {count(found.pool, 'image')}",
        f"holdout {found.validation:,} labelled of {found.holdout:,} drawn",
    ]
    if found.forbidden:
        classes = "class" if found.forbidden == 1 else "classes"
        images = count(found.forbidden_images, "image")
        said.append(f"{found.forbidden:,} {classes} ruled out for {images}")
    if found.none_of_these:
        said.append(f"{count(found.none_of_these, 'image')} none of these")
    return " · ".join(said)
