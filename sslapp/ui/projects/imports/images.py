"""The imports of a project: what came in, what was refused and why, and how to add more."""

from collections.abc import Mapping, Sequence

import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.ui.projects.imports import sources
from sslapp.usecases.access import Access
from sslapp.usecases.images.incoming.known_sets import images_of_set
from sslapp.usecases.images.incoming.notes import by_reason, refusals_csv
from sslapp.usecases.images.incoming.sources import SourceKind, import_chosen
from sslapp.usecases.projects.status import ImageSetRow
from sslapp.words import ago, count

FAULTS = "projects-import-faults"
_TURN = "projects-import-turn"
NAMES_SHOWN = 8


def show(sets: Sequence[ImageSetRow], notes: Mapping[int, Sequence[str]], nothing_new: str) -> None:
    """Draw every import, newest first.

    Args:
        sets: the imports.
        notes: what is to be known of some, by first position.
        nothing_new: of an import after them that added nothing; "" for none.
    """
    if nothing_new:
        st.caption(plain.markdown(nothing_new))
    if not sets:
        st.caption("No images yet. Import a folder, a zip archive, arrays or a known set.")
    for each in reversed(sets):
        parts = [count(each.count, "image"), ago(each.created_at)]
        st.markdown(f"**{plain.markdown(each.name)}** · {' · '.join(parts)}")
        for note in notes.get(each.first, ()):
            st.caption(plain.markdown(note))
        if each.refused:
            _refused(each)


def _refused(found: ImageSetRow) -> None:
    with st.expander(f"{count(len(found.refused), 'file')} refused", key=f"refused-{found.id}"):
        for reason, names in by_reason(found.refused):
            listed = ", ".join(plain.markdown(name) for name in names[:NAMES_SHOWN])
            more = f", and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
            with st.container(gap=None):
                st.markdown(f"{plain.markdown(reason.rstrip('.'))} ({len(names):,})")
                st.caption(listed + more)
        st.download_button(
            "Download the list",
            lambda: refusals_csv(found.refused),
            file_name="refused.csv",
            mime="text/csv",
            key=f"refused-csv-{found.id}",
            on_click="ignore",
        )


def add(access: Access, project_id: int, *, expanded: bool) -> None:
    """Draw the form that brings more images; for admins of the project."""
    with st.expander("Import images", expanded=expanded, key=f"projects-add-{project_id}"):
        found = faults.kept(FAULTS)
        # the browser's part goes on showing what has arrived until it is another one
        turn = st.session_state.get(_TURN, 0)
        key = f"projects-add-{project_id}" + f"-{turn}" * bool(turn)
        choice = sources.show(access, key, found, may_be_none=False)
        if choice.kind is SourceKind.NAMED and (
            here := images_of_set(access, project_id, choice.value)
        ):
            st.caption(
                f"{count(here, 'image')} of this set {'is' if here == 1 else 'are'} here already. "
                "Importing it again adds only what is new."
            )
        labels = sources.show_plan(access, key, choice, found, project_id=project_id)
        arrived = choice.kind is SourceKind.UPLOAD and bool(choice.value)
        pressed = st.button("Look at them" if labels is None else "Import", key="projects-import")
        if pressed or (labels is None and arrived and not found):
            wrong = faults.of_fields(
                lambda: import_chosen(access, project_id, choice, labels), "source"
            )
            faults.keep(FAULTS, wrong)
            if arrived and not wrong:
                st.session_state[_TURN] = turn + 1
            st.rerun()
