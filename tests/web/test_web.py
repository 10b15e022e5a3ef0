"""What the server adds around Streamlit."""

import asyncio
import json
from typing import Any

import pytest
from starlette.applications import Starlette

from sslapp.web import middleware, routes
from sslapp.web.security import HEADERS

SERVER = Starlette(routes=routes, middleware=middleware)


def ask(host: str, kind: str = "http", path: str = "/api/health") -> list[dict[str, Any]]:
    """Every message the server sends to one request or socket that names this host."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": kind,
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"host", host.encode())],
        "subprotocols": [],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request" if kind == "http" else "websocket.connect", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(SERVER(scope, receive, send))
    return sent


@pytest.mark.parametrize("host", ["localhost:8501", "127.0.0.1:8501", "[::1]:80", "LOCALHOST"])
def test_this_machine_is_answered(host: str) -> None:
    start, body, *_ = ask(host)
    assert start["status"] == 200
    assert json.loads(body["body"])["status"] == "ok"


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8501", "localhost.evil.example", "127.0.0.1.nip.io"]
)
def test_a_foreign_name_is_refused_for_pages_and_sockets(host: str) -> None:
    assert ask(host)[0]["status"] == 421
    assert ask(host, "websocket") == [{"type": "websocket.close", "code": 1008, "reason": ""}]


@pytest.mark.parametrize(
    ("host", "path"), [("localhost", "/api/health"), ("x", "/"), ("localhost", "/none")]
)
def test_every_answer_carries_the_security_headers(host: str, path: str) -> None:
    sent = {
        name.decode().lower(): value.decode() for name, value in ask(host, path=path)[0]["headers"]
    }
    for name, value in HEADERS.items():
        assert sent[name.lower()] == value
