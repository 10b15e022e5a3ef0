"""What a reader sees on the Review page before a round has finished, and beside an old one."""

import streamlit as st

from sslapp.ui.common import plain, progress_panel
from sslapp.usecases.access import Access
from sslapp.usecases.projects.classes import ClassRow
from sslapp.usecases.projects.status import status
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.training.preview import listed
from sslapp.usecases.training.progress import LiveJobs
from sslapp.vocabulary import JobKind
from sslapp.words import count


def no_round(access: Access, project_id: int, live: LiveJobs, titles: dict[str, str]) -> bool:
    """Say what leads to a first round, or follow it; return whether there are images to look at."""
    counts = status(access, project_id).counts
    if any(each.kind == JobKind.ROUND for each in live.active):
        st.markdown("Proposals appear here when the first round has finished.")
        with st.container(border=True):
            progress_panel.show(access, project_id, live, titles)
    else:
        st.markdown(what_first(counts))
    return counts["images"] > 0


def what_first(counts: dict[str, int]) -> str:
    """The next step towards something to review, as Markdown."""
    if not counts["images"]:
        return "There are no images yet. Import some on the **Projects** page."
    labelled = counts["expert"] + counts["adjudicated"] + counts["accepted"]
    if labelled <= counts["holdout_labelled"]:
        return "Nothing is proposed yet. Label a few images, here or on **Label**, then **Train**."
    return (
        f"Nothing is proposed yet. Start a round on the **Train** page; it learns from "
        f"{count(labelled - counts['holdout_labelled'], 'label')} and proposes the rest."
    )


def running(live: LiveJobs) -> None:
    """Say that a newer round is on its way."""
    for each in live.active:
        if each.kind == JobKind.ROUND:
            st.caption(f"Round {each.round_number} is on its way; follow it on the Train page.")


def other_classes(board: Board) -> None:
    """Say what the round does not know about the class list of today."""
    if board.round_number is None:
        return
    retired = [each for each in board.classes[: board.known] if each.retired]
    added = board.classes[board.known :]
    if not retired and not added:
        return
    said = []
    if added:
        said.append(f"{_named(added)} came after it and cannot be proposed")
    if retired:
        said.append(f"{_named(retired)} is retired and is not proposed")
    st.info(
        f"Round {board.round_number} was trained on another class list: {'; '.join(said)}. "
        "Start a new round to have all classes proposed."
    )


def _named(classes: tuple[ClassRow, ...] | list[ClassRow]) -> str:
    return listed([plain.markdown(each.name) for each in classes])
