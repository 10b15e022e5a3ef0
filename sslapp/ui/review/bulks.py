"""What the last bulk decision did, how to take it back, and the reader's own before it."""

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
    """Say what the last bulk decision did, with its undo, and list the ones before it."""
    past = own_bulks(access, project_id)
    number, meanwhile, why = st.session_state.get(SAID, (None, 0, ""))
    if why:
        st.error(plain.markdown(why))
        st.session_state.pop(SAID)
    last = next((each for each in past if each.number == number and not each.undone), None)
    if last is not None:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(sentence(last, meanwhile), width="stretch")
            _undo_button(access, project_id, last, "review-undo")
    rest = [each for each in past if each is not last]
    if rest:
        with st.expander("Your bulk decisions", key="review-past"):
            for each in rest:
                _line(access, project_id, each)


def sentence(what: PastBulk, decided_meanwhile: int = 0) -> str:
    """What a bulk decision did, as Markdown."""
    parts = [f"{what.verb} **{count(what.images, 'image')}**"]
    if what.kind == EventKind.BULK_ACCEPT:
        parts.append("as proposed")
    if what.class_name is not None:
        parts.append(f"as {plain.markdown(what.class_name)}")
    if what.round_number is not None:
        parts.append(f"in round {what.round_number}")
    text = " ".join(parts) + "."
    if decided_meanwhile:
        text += f" {count(decided_meanwhile, 'image')} had been decided meanwhile."
    return text


def _line(access: Access, project_id: int, each: PastBulk) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        at = f"{each.at:%Y-%m-%d %H:%M} UTC"
        st.markdown(sentence(each), width="stretch")
        st.caption(f"event {each.number:,} · {at}", width="content")
        if each.undone:
            st.caption("undone", width="content")
        else:
            _undo_button(access, project_id, each, f"review-undo-{each.number}")


def _undo_button(access: Access, project_id: int, each: PastBulk, key: str) -> None:
    st.button("Undo", key=key, on_click=_undo, args=(access, project_id, each.number))


def _undo(access: Access, project_id: int, number: int) -> None:
    if why := faults.refusal(lambda: decisions.undo(access, project_id, number)):
        refused(why)
    else:
        state.redraw()
