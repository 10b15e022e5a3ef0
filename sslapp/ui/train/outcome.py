"""How the newest round ended, and what to do next."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from sslapp.ui.common import plain, progress_panel
from sslapp.ui.train import known
from sslapp.usecases.access import Access
from sslapp.usecases.reviewing.candidates import DEFAULT_THRESHOLD, propose
from sslapp.usecases.training.history import RoundLine
from sslapp.usecases.training.progress import LiveJobs
from sslapp.vocabulary import JobState
from sslapp.words import count, percent, proportion

PAGES = Path(__file__).resolve().parents[3] / "pages"
LABEL, REVIEW = PAGES / "label.py", PAGES / "review.py"
LABEL_ICON = ":material/label:"


def show(
    access: Access, project_id: int, live: LiveJobs, lines: Sequence[RoundLine], event: int
) -> None:
    """Draw a finished round's way to its review, a failure's reason, a cancelled round's way on.

    Args:
        live: nothing in it is active.
        lines: the rounds, newest first.
        event: number of the project's newest event.
    """
    if live.failed:
        with st.container(border=True):
            progress_panel.show_failures(access, live)
    if not lines or any(each.round_number == lines[0].number for each in live.failed):
        return
    newest = lines[0]
    if newest.state == JobState.DONE:
        _done(access, project_id, newest, event)
    elif newest.state == JobState.CANCELLED:
        with (
            st.container(border=True),
            st.container(horizontal=True, vertical_alignment="center"),
        ):
            st.markdown(f"Round {newest.number} was cancelled.", width="stretch")
            progress_panel.resume(access, project_id, newest.number, inexact=False)


def _done(access: Access, project_id: int, line: RoundLine, event: int) -> None:
    proposed, doubts, missing = _proposed(
        str(access.workspace.root), project_id, line.number, event, access
    )
    with st.container(border=True), st.container(horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.markdown(f"**Round {line.number} is done.**")
            st.caption(plain.markdown(_measured(line, proposed, doubts)))
        if missing:
            label = f"Label {count(missing, 'holdout image')}"
            if st.button(label, type="primary", key="train-holdout", icon=LABEL_ICON):
                st.switch_page(
                    LABEL, query_params={"project": str(project_id), "strategy": "holdout"}
                )
        label = f"Review {count(proposed, 'candidate')}" if proposed else "Open review"
        if st.button(
            label,
            type="secondary" if doubts else "primary",
            key="train-review",
            icon=":material/rate_review:",
        ):
            st.switch_page(REVIEW)
    known.show(access, project_id, line.number, event)


def _measured(line: RoundLine, proposed: int, doubts: str) -> str:
    said = []
    if line.accuracy is not None:
        said.append(f"Holdout accuracy {proportion(line.accuracy, line.holdout)}.")
    if doubts:
        said.append(doubts)
    elif not proposed:
        said.append(
            f"No image without a label reaches a confidence of {percent(DEFAULT_THRESHOLD)}: "
            "lower the threshold, or label more."
        )
    return " ".join(said) or (
        "No holdout image had a label: how right it is on images that nobody chose is unknown."
    )


@st.cache_data(max_entries=16, show_spinner=False)
def _proposed(
    root: str, project_id: int, number: int, event: int, _access: Access
) -> tuple[int, str, int]:
    """How many images without a label the round proposes one for, what to know about them, and how
    many holdout labels are missing for there to be any."""
    found = propose(_access, project_id, round_number=number)
    return len(found.candidates), found.doubts, found.missing_holdout
