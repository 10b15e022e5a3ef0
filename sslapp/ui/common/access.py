"""The guard that every page calls first: who reads, and in which workspace.

A page that lost its server connects by itself to the next one at that address, tells it all that
its widgets held, and may hand it a click that was meant for the server before. If that server has
another workspace open, none of it must be taken. So every page keeps its workspace's id in an input
that nobody sees: the browser sends its value like any other's.
"""

from typing import NoReturn

import streamlit as st

from sslapp.store.errors import DatabaseGone, OtherWorkspace
from sslapp.ui.common import plain
from sslapp.usecases.access import Access, NotAllowed, NotSignedIn, require_workspace
from sslapp.web.identity import SignIn, current_reader, sign_in

TAKEN = "reader"
"""Where the session, and the page's address, keep the number of the reader whose name was taken."""

MARK = "workspace"
"""Key of the input, and of the container that hides it."""


def require() -> Access:
    """Who reads this page; for anybody else the page ends here with the way to sign in.

    It ends too, with a word about why, when the browser had another workspace's page open, or the
    database is not the one that this server opened.
    """
    try:
        access = current_reader(st.user.to_dict, _taken())
        if access.named:  # a reload begins another session, and the address is all it has
            go_on_as(access.reader_id)
        require_workspace(access, _opened_on(access.workspace_id))
    except NotSignedIn:
        _ask_to_sign_in()
    except NotAllowed as error:
        _turn_away(str(error))
    except OtherWorkspace as error:
        _end("Another workspace", str(error))
    except DatabaseGone as error:
        _end("The database is gone", str(error))
    return access


def go_on_as(reader_id: int) -> None:
    """Let this session go on under the name of a reader, also after a reload."""
    st.session_state[TAKEN] = reader_id
    st.query_params[TAKEN] = str(reader_id)


def _taken() -> int | None:
    """Number of the reader whose name was taken in this tab; None for nobody's.

    Where people sign in none is, whatever an old link says.
    """
    if sign_in() is not None:
        return None
    asked = st.query_params.get(TAKEN, "")
    if asked.isascii() and asked.isdecimal() and len(asked) < 19:
        return int(asked)
    found: int | None = st.session_state.get(TAKEN)
    return found


def _opened_on(workspace_id: str) -> str:
    """The id of the workspace that the browser opened this page on; this one for a new page."""
    st.html(f"<style>.st-key-{MARK}-hidden {{ display: none }}</style>")
    with st.container(key=f"{MARK}-hidden"):
        return st.text_input("Workspace", workspace_id, key=MARK)


def _end(title: str, reason: str) -> NoReturn:
    with _gate():
        st.title(title, anchor=False)
        st.write(plain.markdown(reason))
    st.stop()


def is_local() -> bool:
    """Whether nobody signs in, and people take a name on the page."""
    return sign_in() is None


def signed_in() -> bool:
    """Whether there is somebody to show the pages to; in local mode always."""
    return sign_in() is None or st.user.get("is_logged_in") is True


def reader_name() -> str | None:
    """The name to show of who reads; None for nobody, and where that cannot be said."""
    if sign_in() is None:
        try:
            return current_reader(dict, _taken()).reader
        except (NotAllowed, DatabaseGone, OtherWorkspace):
            return None  # the page says why
    if not signed_in():
        return None
    return str(st.user.get("email") or st.user.get("sub") or "Signed in")


def sign_out() -> None:
    """The page that signs out, here and, where it offers that, at the identity provider."""
    st.logout()


def _ask_to_sign_in() -> NoReturn:
    how = sign_in()
    assert how is not None
    with _gate():
        st.title("sslapp", anchor=False)
        st.write("Label a few images, let the machine propose the rest, review what it proposes.")
        for provider in how.providers:
            _sign_in_button(how, provider)
        st.caption("Your organisation asks who you are and sends you back here.")
    st.stop()


def _sign_in_button(how: SignIn, provider: str) -> None:
    named = provider != "default"
    label = f"Sign in with {plain.markdown(provider.title())}" if named else "Sign in"
    first = provider == how.providers[0]
    key = f"sign-in-{provider}"
    if st.button(label, key=key, type="primary" if first else "secondary", width="stretch"):
        st.login(provider if named else None)


def _turn_away(reason: str) -> NoReturn:
    with _gate():
        st.title("No access", anchor=False)
        st.write(plain.markdown(reason))
        if sign_in() is not None and st.button("Sign out", width="stretch"):
            st.logout()
        if sign_in() is None and _taken() is not None:
            st.button("Go on without this name", width="stretch", on_click=_forget_name)
    st.stop()


def _forget_name() -> None:
    st.session_state.pop(TAKEN, None)
    st.query_params.pop(TAKEN, None)


def _gate() -> st.delta_generator.DeltaGenerator:
    """A panel in the middle of an otherwise empty page."""
    middle = st.container(horizontal_alignment="center")
    middle.space(120)
    return middle.container(border=True, width=400)
