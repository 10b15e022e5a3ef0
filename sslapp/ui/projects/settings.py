"""What of a project's settings may change later, and what was decided once."""

from typing import Any

import streamlit as st

from sslapp.ui.common import faults
from sslapp.usecases.access import Access
from sslapp.usecases.projects.settings import change_settings, rename_project
from sslapp.usecases.projects.status import Status

FAULT = "projects-settings-fault"

CHOICES = (
    (
        "single_reads",
        "One reader an image",
        "An image that one reader has before them is offered to no other meanwhile.",
    ),
    (
        "flip",
        "A mirrored image keeps its class",
        "Then rounds may mirror images while they train. Rounds planned before keep theirs.",
    ),
)

SHARES = (
    (
        "precision",
        "Right at least",
        "Share of labels that must be proven right before accepting them is offered first.",
    ),
    (
        "certainty",
        "With certainty",
        "Of a proof. Audits that are open keep the one that they were opened with.",
    ),
)
"""What is a share of 1, shown in per cent."""


def show(access: Access, status: Status, *, may_change: bool) -> None:
    """Draw the settings.

    Args:
        access: who reads.
        status: of the project.
        may_change: whether the reader is an admin of the project.
    """
    settings = status.settings
    name_key = f"projects-name-{status.project_id}-{status.name}"
    st.text_input(
        "Project name",
        value=status.name,
        max_chars=200,
        key=name_key,
        disabled=not may_change,
        help="Everything decided stays; what was exported before says the name that it had.",
        on_change=_rename,
        args=(access, status.project_id, name_key),
    )
    for name, label, about in CHOICES:
        value = getattr(settings, name)
        # another reader's change gives the switch another key, so that it shows what is true now
        key = f"projects-{name}-{status.project_id}-{value}"
        st.toggle(
            label,
            value=value,
            key=key,
            disabled=not may_change,
            help=about,
            on_change=_change,
            args=(access, status.project_id, name, key),
        )
    with st.container(horizontal=True):
        for name, label, about in SHARES:
            share = 100 * getattr(settings, name)
            key = f"projects-{name}-{status.project_id}-{share:g}"
            st.number_input(
                f"{label}, %",
                min_value=50.0,
                max_value=99.9,
                value=share,
                step=0.5,
                format="%g",
                key=key,
                disabled=not may_change,
                help=about,
                width=150,
                on_change=_change_share,
                args=(access, status.project_id, name, key),
            )
    faults.show(FAULT)
    faults.forget(FAULT)
    if settings.grey:
        st.caption("Fixed when the project was made: images are grey.")


def _rename(access: Access, project_id: int, key: str) -> None:
    wanted = str(st.session_state[key])
    faults.attempt(FAULT, lambda: rename_project(access, project_id, wanted))


def _change(access: Access, project_id: int, name: str, key: str) -> None:
    value: dict[str, Any] = {name: bool(st.session_state[key])}
    if not faults.attempt(FAULT, lambda: change_settings(access, project_id, **value)):
        st.session_state[key] = not value[name]


def _change_share(access: Access, project_id: int, name: str, key: str) -> None:
    changed: dict[str, Any] = {name: round(float(st.session_state[key]) / 100, 6)}
    faults.attempt(FAULT, lambda: change_settings(access, project_id, **changed))
