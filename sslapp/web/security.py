"""Security headers on every answer, and which requests are answered at all."""

from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from sslapp.web.identity import sign_in

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Names under which this machine is its own; a foreign name means DNS rebinding."""

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        # Streamlit's page has an inline script, and its chart libraries compile expressions
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # no page of another site may show an image of this server or hold a handle on its window
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
UPLOADS = "/uploads"
"""Ends the one address below /api that takes a file and no JSON."""

JSON = "application/json"
BINARY = "application/octet-stream"
LARGEST_JSON = 1_000_000


class SecurityHeaders:
    """Adds HEADERS to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete its answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class KnownHostOnly:
    """Refuses requests and sockets that are not meant for this server.

    In team mode the address that people sign in at is the server's only name. In local mode its
    names are those of this machine, and only this machine is answered: a page of another site can
    make its own name point to 127.0.0.1, the browser then treats this server as that site's own,
    and its requests still carry the foreign name.

    Args:
        app: what to protect.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        how = sign_in()
        hosts = LOCAL_HOSTS if how is None else {how.host}
        if _name(Headers(scope=scope).get("host", "")) not in hosts:
            names = " and ".join(sorted(hosts - {"[::1]"}))
            await _refuse(scope, receive, send, f"This server answers to {names} only.", 421)
        elif how is None and not _is_this_machine(scope):
            message = (
                "Without sign-in this server answers the machine that it runs on and no other. "
                "Set up sign-in, or forward a port by SSH."
            )
            await _refuse(scope, receive, send, message, 403)
        else:
            await self._app(scope, receive, send)


class OwnFiguresOnly:
    """Answers 404 for Streamlit's page of process figures, which it shows to anybody.

    Args:
        app: what to protect.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 404."""
        if scope["type"] == "http" and scope["path"].endswith("/_stcore/metrics"):
            await _refuse(scope, receive, send, "Not found.", 404)
        else:
            await self._app(scope, receive, send)


class SameOriginWrites:
    """Refuses what another site's page makes the reader's browser send, and bodies too large.

    Holds for every request below /api that may change something. It must say where it comes from,
    and carry a content type that a form of another site cannot have.

    Args:
        app: what to protect.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403, 413 or 415."""
        guarded = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if not guarded or "/api/" not in scope["path"]:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        wanted = BINARY if scope["path"].endswith(UPLOADS) else JSON
        if not _is_same_origin(headers):
            message = "This request comes from another site. Send it from the page of this server."
            await _refuse(scope, receive, send, message, 403)
        elif headers.get("content-type", "").partition(";")[0].strip().lower() != wanted:
            await _refuse(scope, receive, send, f"Send this as Content-Type {wanted}.", 415)
        elif wanted == JSON:
            await self._bounded(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the whole body, at most LARGEST_JSON bytes, and pass it on in one piece."""
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > LARGEST_JSON:
                limit = f"The request is larger than {LARGEST_JSON:,} bytes."
                await _refuse(scope, receive, send, limit, 413)
                return
        whole: Message | None = {"type": "http.request", "body": bytes(body), "more_body": False}

        async def replay() -> Message:
            nonlocal whole
            given, whole = whole, None
            return given if given is not None else await receive()

        await self._app(scope, replay, send)


def _is_same_origin(headers: Headers) -> bool:
    """Whether both signs that a browser gives, as far as it gives them, name this server."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is None and site is None:
        return False
    meant = headers.get("host", "").lower()
    same = origin is None or origin.lower() in (f"http://{meant}", f"https://{meant}")
    return same and site in (None, "same-origin")


def _is_this_machine(scope: Scope) -> bool:
    peer = (scope.get("client") or ("",))[0]
    try:
        return ip_address(peer).is_loopback
    except ValueError:  # no address: a socket of this machine, or a test
        return True


def _name(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()


async def _refuse(scope: Scope, receive: Receive, send: Send, message: str, status: int) -> None:
    if scope["type"] == "websocket":
        await WebSocketClose(code=1008)(scope, receive, send)
    elif "/api/" in scope["path"]:
        await JSONResponse({"error": message}, status)(scope, receive, send)
    else:
        await PlainTextResponse(message, status)(scope, receive, send)
