"""A link to a page survives signing in.

The identity provider sends everybody back to "/". So a page that is asked for by somebody who has
not signed in yet is kept in a cookie of their browser, and once they have, "/" leads to it. Only
this server's own pages are kept and led to: a name of PAGES and a query, never an address.
"""

import re
from urllib.parse import quote, unquote

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sslapp.web.identity import has_signed_in, sign_in

PAGES = frozenset({"", "label", "train", "review", "audit", "compare", "export"})
"""The pages' addresses below the server's own; "" is the Projects page."""

COOKIE = "sslapp_after_sign_in"
KEPT_FOR = 600
"""Seconds in which to sign in."""

LONGEST = 200
"""Characters of a link; the pages' own are far shorter."""

# of a query: no slash, backslash, fragment or control character; `%` stays encoded
_QUERY = re.compile(r"[A-Za-z0-9._~%&=+,:;@!$'()*-]*", re.ASCII)


class DeepLinks:
    """Leads who has signed in to the page that they had asked for before.

    Args:
        app: what shows the pages.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and keep its page; or lead to the page that was kept."""
        asked = _asked(scope)
        if asked is None or sign_in() is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        kept = request.cookies.get(COOKIE)
        if not has_signed_in(request):
            mark = _keeping(asked) if asked else None
        elif kept is None:
            mark = None
        elif asked == "" and (page := own_page(unquote(kept))):
            response = RedirectResponse(f"{_base()}/{page}", 303, {"Cache-Control": "no-store"})
            _forget(response)
            await response(scope, receive, send)
            return
        else:  # they chose another page meanwhile, or what was kept is none
            mark = _forgetting()
        await self._app(scope, receive, send if mark is None else _marked(send, mark))


def own_page(link: str) -> str | None:
    """The link if it is one to a page of this server: its name and query; else None."""
    name, _, query = link.partition("?")
    fine = len(link) <= LONGEST and name in PAGES and _QUERY.fullmatch(query)
    return link if fine else None


def _asked(scope: Scope) -> str | None:
    """Which page somebody opens, with its query; None for any other request."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    path = scope["path"]
    if not path.startswith(f"{_base()}/"):
        return None
    # a picture or frame of another site that names a page opens none
    if Headers(scope=scope).get("sec-fetch-dest", "document") != "document":
        return None
    name, query = path[len(_base()) + 1 :], scope["query_string"].decode("latin-1")
    return own_page(f"{name}?{query}" if query else name)


def _keeping(page: str) -> str:
    response = Response()
    response.set_cookie(
        COOKIE, quote(page, safe=""), KEPT_FOR, path=_base() or "/", httponly=True, samesite="lax"
    )
    return response.headers["set-cookie"]


def _forgetting() -> str:
    response = Response()
    _forget(response)
    return response.headers["set-cookie"]


def _forget(response: Response) -> None:
    response.delete_cookie(COOKIE, path=_base() or "/", httponly=True, samesite="lax")


def _marked(send: Send, cookie: str) -> Send:
    """Sends the answer with a cookie."""

    async def send_with_cookie(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).append("set-cookie", cookie)
        await send(message)

    return send_with_cookie


def _base() -> str:
    """What stands before the pages' names: "" or, as in "/labels", where a proxy put the server."""
    path = (st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""
