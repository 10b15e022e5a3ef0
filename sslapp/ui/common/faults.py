"""What was wrong, in words: with a form's values, a command, or a choice that the session keeps.

The one place that knows which errors a reader can mend; any other is a fault of the program and
looks like one.
"""

from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager

import streamlit as st

from sslapp.store.errors import Damaged, Unknown
from sslapp.ui.common import plain
from sslapp.usecases.access import NotAllowed, what_the_disk_refused
from sslapp.usecases.images.incoming.sources import WrongFields
from sslapp.workspace import Workspace

READERS = (ValueError, Unknown, NotAllowed, Damaged, OSError)
"""Errors that are told the reader in a sentence; what the store refuses is a ValueError, and what
the disk refuses an OSError."""

_WORD, _AGAIN = "faults-word", "faults-again"

# Streamlit fades a caption to six tenths, and with it the red of what is wrong below a field
_STYLE = """<style>
[data-testid="stCaptionContainer"]:has(.stMarkdownColoredText) { opacity: 1; }
</style>"""


def sentence(error: Exception) -> str:
    """What to say of an error that a reader, or who runs the server, can mend."""
    if isinstance(error, OSError):
        return what_the_disk_refused(error, Workspace())
    return str(error)


def refusal(command: Callable[[], object]) -> str:
    """Carry out a command; return why it was refused, "" when it was carried out."""
    try:
        command()
    except READERS as error:
        return sentence(error)
    return ""


def of_fields(command: Callable[[], object], rest: str) -> dict[str, str]:
    """Carry out what a form asks for; return field -> its fault, {} when it was carried out.

    Args:
        rest: the field below which a refusal stands that is about none of them.
    """
    try:
        command()
    except WrongFields as error:
        return dict(error.fields)
    except READERS as error:
        return {rest: sentence(error)}
    return {}


def attempt(key: str, command: Callable[[], object]) -> bool:
    """Carry out a command, keep its refusal for `show`, and return whether it was carried out."""
    why = refusal(command)
    if why:
        st.session_state[key] = why
    else:
        st.session_state.pop(key, None)
    return not why


def show(key: str) -> None:
    """Draw the refusal that `attempt` kept."""
    if why := st.session_state.get(key):
        st.caption(f":red[{plain.markdown(why)}]")


def carry_out(command: Callable[[], object]) -> None:
    """Carry out a button's command and run the page again; where it is refused say why instead."""
    if why := refusal(command):
        st.error(plain.markdown(why))
    else:
        st.rerun()


# -- forms ---------------------------------------------------------------------------------------


def below(faults: Mapping[str, str], field: str) -> None:
    """Draw the field's fault, if it has one."""
    if field in faults:
        st.caption(f":red[{plain.markdown(faults[field])}]")


def keep(key: str, faults: Mapping[str, str]) -> None:
    """Remember faults for the next run, which draws the fields anew."""
    st.session_state[key] = dict(faults)


def kept(key: str) -> dict[str, str]:
    """The faults remembered under this key; {} for none."""
    return dict(st.session_state.get(key, {}))


def forget(key: str) -> None:
    """Forget the faults under this key."""
    st.session_state.pop(key, None)


# -- pages ---------------------------------------------------------------------------------------


def say(word: str) -> None:
    """Have the next run tell the reader what became of something they chose or asked for."""
    st.session_state[_WORD] = word


def show_word() -> None:
    """Draw what `say` kept, once."""
    if word := st.session_state.pop(_WORD, ""):
        st.warning(plain.markdown(word), icon=":material/info:")


def told(command: Callable[[], object]) -> None:
    """In a button's callback: carry out a command, and say in the run that follows why not."""
    if why := refusal(command):
        say(why)


def drop_gone(key: str, offered: Container[object], word: str) -> None:
    """Forget a widget's choice that is offered no longer, and say so; call it before the widget."""
    chosen = st.session_state.get(key)
    if chosen is not None and chosen not in offered:
        del st.session_state[key]
        st.warning(plain.markdown(word), icon=":material/info:")


@contextmanager
def page() -> Iterator[None]:
    """Around a page: what no part of it says is said in the end, with a way out."""
    st.html(_STYLE)
    try:
        yield
    except READERS as error:
        st.error(plain.markdown(sentence(error)))
        st.button(
            "Start over",
            key="faults-start-over",
            help="Forgets what you chose on the pages. What is saved stays.",
            on_click=st.session_state.clear,
        )


def fragment(draw: Callable[[], object], *, key: str, run_every: float | None = None) -> None:
    """Draw a part of a page that may run by itself.

    Where it is refused, what it was drawn from may be gone: the whole page runs again, once, and
    says itself which choice it drops. A refusal that stays is said in the part's place.
    """

    def guarded() -> None:
        show_word()
        try:
            draw()
        except READERS as error:
            if st.session_state.get(_AGAIN) == key:
                st.error(plain.markdown(sentence(error)))
                return
            st.session_state[_AGAIN] = key
            st.rerun()
        if st.session_state.get(_AGAIN) == key:
            del st.session_state[_AGAIN]

    st.fragment(guarded, key=key, run_every=run_every)()
