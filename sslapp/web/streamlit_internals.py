"""Who sends a request: the same answer as `ui.access.require` gives to a page."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import (
    _get_signed_cookie_with_chunks,
    _parse_decoded_user_cookie,
)
from websockets import http11

from sslapp.usecases.access import Access
from sslapp.web import identity

LONGEST_HEADER = 65_536


def current_reader(request: Request) -> Access:
    """The reader who sends this request.

    Raises:
        NotSignedIn: when the request carries no cookie that Streamlit signed for this server.
        NotAllowed: when the reader is set inactive or has no verified e-mail address.
    """
    return identity.current_reader(lambda: _claims(request))


def has_signed_in(request: Request) -> bool:
    """Whether the request carries the cookie of somebody who has signed in, whoever that is."""
    return _claims(request).get("is_logged_in") is True


def _claims(request: Request) -> Mapping[str, Any]:
    """What the cookie says, read and verified by the code that does it for pages.

    That code compares the cookie's origin with the Origin of a page's socket. A request for an
    image has no such header; that it names this server was checked on its way here.
    """
    cookie = _get_signed_cookie_with_chunks(request.cookies, USER_COOKIE_NAME)
    how = identity.sign_in()
    if cookie is None or how is None:
        return {}
    return _parse_decoded_user_cookie(cookie, how.origin)


def allow_long_cookies() -> None:
    """Let a page's socket take the cookies of somebody who is in hundreds of groups.

    The cookies hold all that the identity provider says of a reader, and the socket's library
    refuses a header beyond 8192 bytes; pages then never appear. It reads its limit from the
    environment too, but before this program has a say.
    """
    http11.MAX_LINE_LENGTH = LONGEST_HEADER
