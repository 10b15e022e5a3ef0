"""What the last bulk decision did, what proves it, and how to take it back."""

import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.ui.review import state
from sslapp.usecases.access import Access
from sslapp.usecases.labelling import decisions
from sslapp.usecases.reviewing.bulk_decisions import Done, PastBulk, own_bulks
from sslapp.vocabulary import EventKind
from sslapp.words import count

SAID = "review-said"
"""Where the session keeps what became of the last bulk decision."""


def done(what: Done) -> None:
    """Keep for the next run of the page what a bulk decision did."""
    st.session_state[SAID] = (what.event.number, what.decided_meanwhile, "")


def refused(why: str) -> None:
    """Keep for the next run of the page why a bulk decision was not stored."""
    st.session_state[SAID] = (None, 0, why)


def show(access: Access, project_id: int) -> None:
    """Say what the last bulk decision did and what proves it, with its undo: one fragment."""

    def line() -> None:
        number, meanwhile, why = st.session_state.get(SAID, (None, 0, ""))
        if why:
            st.error(plain.markdown(why))
            st.session_state.pop(SAID)
        past = [] if number is None else own_bulks(access, project_id)
        last = next((each for each in past if each.number == number and not each.undone), None)
        if last is None:
            return
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(sentence(last, meanwhile), width="stretch")
            if st.button("Undo", key="review-undo"):
                _undo(access, project_id, last.number)
                st.rerun()

    faults.fragment(line, key=state.LAST)


def sentence(what: PastBulk, decided_meanwhile: int = 0) -> str:
    """What a bulk decision did, as Markdown."""
    parts = [f"{what.verb} **{count(what.images, 'image')}**"]
    if what.kind == EventKind.BULK_ACCEPT:
        parts.append("as proposed")
    if what.class_name is not None:
        parts.append(f"as {plain.markdown(what.class_name)}")
    if what.round_number is not None:
        parts.append(f"in round {what.round_number}")
    text = " ".join(parts) + (f", {plain.markdown(what.known)}." if what.known else ".")
    if decided_meanwhile:
        text += f" {count(decided_meanwhile, 'image')} had been decided meanwhile."
    return text


def _undo(access: Access, project_id: int, number: int) -> None:
    if why := faults.refusal(lambda: decisions.undo(access, project_id, number)):
        refused(why)
    else:
        state.redraw()
