"""The opened project: how it stands, its classes, images, embedding, settings and members."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from sslapp.ui.audit import certificate
from sslapp.ui.common import class_balance
from sslapp.ui.projects import classes, counts, deletion, embedding, settings, training_store
from sslapp.ui.projects import members as members_panel
from sslapp.ui.projects.imports import (
    images,
    labels,
    metadata,
    plan,
    quarantine,
    sibling,
    withdrawal,
)
from sslapp.usecases.access import Access
from sslapp.usecases.images.embeddings import newest_embedding
from sslapp.usecases.images.incoming.notes import notes_of, nothing_new
from sslapp.usecases.people.members import members
from sslapp.usecases.projects.listing import ProjectLine
from sslapp.usecases.projects.status import Status, status
from sslapp.vocabulary import JobKind, Role
from sslapp.web.identity import sign_in

NARROWEST = 400
"""Pixels of a panel; a page too narrow for two of them shows one below the other."""


def read(access: Access, line: ProjectLine) -> Status:
    """How the project stands; read anew when its record has grown.

    Of what it holds, rounds and jobs may be older than the record.
    """
    return _read(str(access.workspace.root), line.id, line.event, access)


@st.cache_data(max_entries=16, show_spinner=False)
def _read(root: str, project_id: int, event: int, _access: Access) -> Status:
    return status(_access, project_id)


def show(access: Access, found: Status, role: Role, working: frozenset[JobKind]) -> None:
    """Draw the counts and the panels.

    Args:
        access: who reads.
        found: how the project stands.
        role: the reader's own.
        working: kinds of jobs that wait or run.
    """
    is_admin = role is Role.ADMIN
    if is_admin:
        plan.show(access, found.project_id, revision=found.head[0])
        quarantine.show(access, found.project_id)
    with st.container():
        if found.counts["images"]:
            counts.show(found)
    people = members(access, found.project_id)
    sides = st.grid(2, min_column_width=NARROWEST)
    with sides.cell():
        with st.container(border=True):
            _classes(access, found, is_admin=is_admin)
        labelled = any(found.counts[each] for each in ("expert", "adjudicated", "accepted"))
        proven = _panel("Certificate") if labelled else None
        if len(people) > 1 or sign_in() is not None:
            may_change = is_admin or access.server_admin
            with _panel("Members"):
                members_panel.show(access, found.project_id, people, may_change=may_change)
    with sides.cell():
        with _panel("Images"):
            _images(access, found, working, is_admin=is_admin)
            if found.counts["images"] and found.classes:
                names = [each.name for each in found.classes]
                labels.show(
                    *(access, found.project_id),
                    revision=found.head[0],
                    class_names=names,
                    is_admin=is_admin,
                )
            if found.counts["images"] and is_admin:
                metadata.show(access, found.project_id, revision=found.head[0])
            if found.counts["images"] and access.server_admin:
                sibling.show(access, found.project_id)
            if found.sets and is_admin:
                withdrawal.show(access, found, working)
        with _panel("Embedding"):
            newest = newest_embedding(access, found.project_id)
            embedding.show(
                access, found, newest, working=JobKind.EMBED in working, may_change=is_admin
            )
        with _panel("Training store"):
            making = JobKind.PIXELS in working
            training_store.show(access, found, may_change=is_admin, working=making)
        with _panel("Settings"):
            settings.show(access, found, may_change=is_admin)
            if is_admin:
                deletion.show(access, found)
    if proven is not None:
        with proven:  # last, for it reads every label
            certificate.card(access, found.project_id, found.head[0])


def _panel(title: str) -> DeltaGenerator:
    panel = st.container(border=True)
    panel.subheader(title, anchor=False)
    return panel


def _images(access: Access, found: Status, working: frozenset[JobKind], *, is_admin: bool) -> None:
    images.show(found.sets, notes_of(found.jobs), nothing_new(found.jobs))
    if is_admin:
        empty = not found.sets and not {JobKind.IMPORT, JobKind.SIBLING} & working
        images.add(access, found.project_id, expanded=empty)


def _classes(access: Access, found: Status, *, is_admin: bool) -> None:
    st.subheader("Labels per class", anchor=False)
    class_balance.show(found.classes, found.per_class)
    if is_admin:
        # open by itself only where a reader has to name them: an import may still bring its own
        nameless = found.counts["images"] > 0 and not found.classes
        key = f"projects-classes-{nameless}"
        with st.expander("Edit classes", expanded=nameless, key=key):
            classes.show(access, found)
