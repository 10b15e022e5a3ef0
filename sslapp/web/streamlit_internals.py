"""Everything this program uses of Streamlit's private modules and of the server below them.

None of it is promised to stay. So requirements.txt holds Streamlit to one minor version, and
tests/web/test_streamlit_internals.py names each of these parts: an upgrade fails there first.
"""

from collections.abc import Mapping
from typing import Any

from streamlit.auth_util import get_origin_from_redirect_uri, is_authlib_installed
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import (
    _get_signed_cookie_with_chunks,
    _parse_decoded_user_cookie,
)
from websockets import http11

LONGEST_HEADER = 65_536
"""Bytes."""


def sign_in_origin() -> str:
    """The origin of the redirect_uri in Streamlit's secrets, its port filled in; "" for none."""
    return get_origin_from_redirect_uri() or ""


def can_sign_in() -> bool:
    """Whether the library by which Streamlit signs people in is installed."""
    return is_authlib_installed()


def signed_claims(cookies: Mapping[str, str], origin: str) -> Mapping[str, Any]:
    """What Streamlit's cookie says of who has signed in; {} for no cookie, or a forged one.

    It is read and verified by the code that does it for pages. That code compares the cookie's
    origin with the Origin of a page's socket. A request for an image has no such header; that it
    names this server was checked on its way here.

    Args:
        cookies: of a request.
        origin: where the browser reaches this server.
    """
    cookie = _get_signed_cookie_with_chunks(dict(cookies), USER_COOKIE_NAME)
    return {} if cookie is None else _parse_decoded_user_cookie(cookie, origin)


def allow_long_cookies() -> None:
    """Let a page's socket take the cookies of somebody who is in hundreds of groups.

    The cookies hold all that the identity provider says of a reader, and the socket's library
    refuses a header beyond 8192 bytes; pages then never appear. It reads its limit from the
    environment too, but before this program has a say.
    """
    http11.MAX_LINE_LENGTH = LONGEST_HEADER
