"""The decisions of a project: who made which, when, about how many images, and the way back.

A dialog. It filters, pages by event number, shows a decision's images at the desk as they stand now
and takes back what its reader may take back.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.ui.review import state
from sslapp.usecases.access import Access
from sslapp.usecases.labelling import decisions
from sslapp.usecases.projects.status import status
from sslapp.usecases.reviewing.past_decisions import (
    PAGE,
    Action,
    PastDecision,
    past_decisions,
    who_decided,
)
from sslapp.words import count

CLASS_HELP = "Decisions that name this class. An acceptance of a whole selection names none."

_BEFORE = "history-before"
"""Where the session keeps the event numbers at which the pages before this one began."""


def button(access: Access, project_id: int) -> None:
    """Draw the button that opens the dialog."""
    if st.button("Decisions", key="history-open", icon=":material/history:"):
        st.session_state.pop(_BEFORE, None)
        _dialog(access, project_id)


@st.dialog("Decisions", width="large")
def _dialog(access: Access, project_id: int) -> None:
    reader, action, class_name, since, until = _filter(access, project_id)
    pages: list[int] = st.session_state.get(_BEFORE, [])
    found = past_decisions(
        access,
        project_id,
        reader=reader,
        action=action,
        class_name=class_name,
        since=_start_of(since),
        until=_start_of(None if until is None else until + timedelta(days=1)),
        before=pages[-1] if pages else None,
        limit=PAGE + 1,
    )
    if not found:
        st.caption("No decision like that.")
    for each in found[:PAGE]:
        _line(access, project_id, each)
    with st.container(horizontal=True):
        if pages and st.button("Newer", key="history-newer"):
            st.session_state[_BEFORE] = pages[:-1]
            st.rerun(scope="fragment")
        if len(found) > PAGE and st.button("Older", key="history-older"):
            st.session_state[_BEFORE] = [*pages, found[PAGE - 1].number]
            st.rerun(scope="fragment")


def _filter(
    access: Access, project_id: int
) -> tuple[str | None, Action | None, str | None, date | None, date | None]:
    """What the reader looks for; None narrows nothing."""
    with st.container(horizontal=True):
        reader = _choose("Reader", who_decided(access, project_id), "history-reader")
        action = _choose("Kind", list(Action), "history-kind")
        names = [each.name for each in status(access, project_id).classes]
        class_name = _choose("Class", names, "history-class", CLASS_HELP)
        since = st.date_input(
            "From", value=None, key="history-since", on_change=_from_the_newest, help="UTC"
        )
        until = st.date_input(
            "To", value=None, key="history-until", on_change=_from_the_newest, help="UTC"
        )
    return reader, None if action is None else Action(action), class_name, since, until


def _choose(
    label: str, options: Sequence[str], key: str, explained: str | None = None
) -> str | None:
    return st.selectbox(
        label,
        options,
        index=None,
        placeholder="All",
        key=key,
        help=explained,
        on_change=_from_the_newest,
    )


def _from_the_newest() -> None:
    st.session_state.pop(_BEFORE, None)


def _start_of(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time.min)


def _line(access: Access, project_id: int, each: PastDecision) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(gap=None, width="stretch"):
            st.markdown(sentence(each))
            who = f"{plain.markdown(each.reader)} · {each.at:%Y-%m-%d %H:%M} UTC"
            st.caption(f"event {each.number:,} · {who}{' · undone' if each.undone else ''}")
        if st.button("Show", key=f"history-show-{each.number}", help="Select its images"):
            state.revisit(each.number)
            st.rerun()
        if st.button(
            "Undo",
            key=f"history-undo-{each.number}",
            disabled=bool(each.why_it_stays),
            help=each.why_it_stays or None,
        ):
            _undo(access, project_id, each.number)


def _undo(access: Access, project_id: int, number: int) -> None:
    if why := faults.refusal(lambda: decisions.undo(access, project_id, number)):
        st.error(plain.markdown(why))
        return
    state.redraw()
    st.rerun()


def sentence(what: PastDecision) -> str:
    """What a decision did, as Markdown."""
    parts = [what.verb]
    if what.target is not None:
        parts.append(f"decision {what.target:,}")
    elif what.position is not None:
        parts.append(f"image {what.position}")
    else:
        parts.append(f"**{count(what.images, 'image')}**")
    if what.class_name is not None:
        parts.append(f"as {plain.markdown(what.class_name)}")
    if what.round_number is not None:
        parts.append(f"in round {what.round_number}")
    known = f", {plain.markdown(what.known)}" if what.known else ""
    return " ".join(parts) + known + "."
