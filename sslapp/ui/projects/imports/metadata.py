"""Metadata: which columns there are, which Label shows, and a list that brings more of them."""

import streamlit as st

from sslapp.ui.common import addresses, faults, plain
from sslapp.ui.projects.imports import upload
from sslapp.ui.projects.imports.kept import once
from sslapp.usecases.access import Access
from sslapp.usecases.images.incoming.metadata import (
    MetadataPlan,
    import_sent_metadata,
    plan_sent_metadata,
)
from sslapp.usecases.images.incoming.uploads import TABLES, limit
from sslapp.usecases.images.metadata import (
    LastMetadata,
    MetadataColumn,
    last_metadata,
    metadata_columns,
    show_metadata,
    undo_metadata,
)
from sslapp.words import count

ABOUT = (
    "Further columns of a list, such as age, site, view or scanner: colour and filter in Review, "
    "groups in Compare, columns of exports. A column that may tell who somebody is, or the class, "
    "stays out unless you choose it."
)
SHOWN = "Shown beside the image on Label. It can sway readers, and may tell who somebody is."
FAULT = "projects-metadata-fault"
_TURN, _DONE = "projects-metadata-turn", "projects-metadata-done"


def show(access: Access, project_id: int, *, revision: int) -> None:
    """Draw the columns and the form; for admins of a project with images.

    Args:
        revision: number of the project's newest event.
    """
    with st.expander("Metadata", key=f"projects-metadata-{project_id}"):
        there = metadata_columns(access, project_id)
        for each in there:
            _column(access, project_id, each)
        faults.show(FAULT)
        faults.forget(FAULT)
        if there:
            _take_back(access, project_id, revision)
        # the browser's part goes on showing what has arrived until it is another one
        key = f"projects-metadata-{project_id}-{st.session_state.get(_TURN, 0)}"
        if done := st.session_state.pop(_DONE, ""):
            st.success(done)
        url, most = addresses.of_uploads(access), limit(access, TABLES[0])
        sent = upload.show(f"{key}-table", url, limit=most, accept=TABLES)
        st.caption("A list of images with further columns.", help=ABOUT)
        if sent is not None:
            _bring(access, project_id, key, sent.id, revision)


def _column(access: Access, project_id: int, found: MetadataColumn) -> None:
    different = "numbers" if found.kind == "number" else count(found.different, "different text")
    with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
        about = f"{count(found.images, 'image')}, {different}"
        st.markdown(f"**{plain.markdown(found.name)}** · {about}", width="stretch")
        # another admin's change gives the switch another key, so that it shows what is true now
        key = f"projects-metadata-shown-{found.id}-{found.shown}"
        st.toggle(
            "On Label",
            value=found.shown,
            key=key,
            help=SHOWN,
            on_change=_change,
            args=(access, project_id, found, key),
        )


def _change(access: Access, project_id: int, found: MetadataColumn, key: str) -> None:
    shown = bool(st.session_state[key])
    if not faults.attempt(
        FAULT, lambda: show_metadata(access, project_id, found.name, shown=shown)
    ):
        st.session_state[key] = not shown


def _take_back(access: Access, project_id: int, revision: int) -> None:
    about = (project_id, revision)
    last: LastMetadata | None = once(
        f"metadata-{project_id}-last", about, lambda: last_metadata(access, project_id)
    )
    if last is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        told = f"Without the last import, {last.file}: {last.what()}."
        st.caption(plain.markdown(told), width="stretch")
        st.button(
            "Take it back",
            key=f"projects-metadata-undo-{last.number}",
            on_click=_undo,
            args=(access, project_id, last.number),
        )


def _undo(access: Access, project_id: int, number: int) -> None:
    done: list[LastMetadata] = []
    faults.attempt(FAULT, lambda: done.append(undo_metadata(access, project_id, number)))
    if done:
        st.session_state[_DONE] = done[0].words()


def _bring(access: Access, project_id: int, key: str, sent: str, revision: int) -> None:
    plans: list[MetadataPlan] = []

    def planned(wanted: list[str] | None) -> None:
        slot = f"metadata-{project_id}-{'found' if wanted is None else 'wanted'}"
        about = (project_id, revision, sent, None if wanted is None else tuple(wanted))
        plans.append(
            once(slot, about, lambda: plan_sent_metadata(access, project_id, sent, wanted))
        )

    why = faults.refusal(lambda: planned(None))
    for line in why.splitlines():
        st.caption(f":red[{plain.markdown(line)}]")
    if not plans:
        return
    plan = plans[0]
    names = [each.name for each in plan.columns if each.images]
    wanted = st.multiselect(
        "Columns",
        names,
        default=[each.name for each in plan.taken],
        key=f"{key}-columns",
        placeholder="Choose columns",
        help=ABOUT,
    )
    if [*wanted] != [each.name for each in plan.taken]:
        again = faults.refusal(lambda: planned(wanted))
        if again:
            st.caption(f":red[{plain.markdown(again)}]")
    with st.container(border=True):
        lines = [*plans[-1].words(), *plans[-1].why]
        st.caption("\n".join(f"- {plain.markdown(each)}" for each in lines))
    if st.button("Import metadata", key="projects-metadata-import", disabled=not wanted):
        _carry_out(access, project_id, sent, wanted)


def _carry_out(access: Access, project_id: int, sent: str, wanted: list[str]) -> None:
    done: list[MetadataPlan] = []
    why = faults.refusal(
        lambda: done.append(import_sent_metadata(access, project_id, sent, wanted))
    )
    if why:
        st.error(plain.markdown(why))
        return
    st.session_state[_DONE] = f"{count(len(done[0].taken), 'column')} imported."
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
    st.rerun()
