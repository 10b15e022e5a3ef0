"""Which requests are answered: those meant for this server, from its own pages, not too large."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from sslapp.web import middleware
from sslapp.web.security import LARGEST_JSON

JSON = {"Content-Type": "application/json"}
OWN = {"Origin": "http://localhost:8501"}


async def echo(request: Request) -> JSONResponse:
    return JSONResponse({"bytes": len(await request.body())})


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
SERVER = Starlette(
    routes=[
        Route(path, echo, methods=METHODS)
        for path in ("/api/things", "/api/uploads", "/x", "/_stcore/metrics", "/_stcore/health")
    ],
    middleware=middleware,
)


@pytest.fixture
def ask() -> Callable[..., Any]:
    client = TestClient(SERVER, "http://localhost:8501")

    def send(headers: dict[str, str], path: str = "/api/things", method: str = "POST", **more: Any):
        return client.request(method, path, headers=headers, **{"content": b"{}", **more})

    return send


@pytest.mark.parametrize("method", METHODS[1:])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (OWN, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({**OWN, "Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 403),
        ({"Origin": "http://localhost:9000"}, 403),  # another server of this machine
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost:8501.evil.example"}, 403),
        ({"Origin": "null"}, 403),  # a sandboxed frame
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({**OWN, "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
    ],
)
def test_only_this_servers_pages_may_write(ask, method: str, headers, status: int) -> None:
    answer = ask({**JSON, **headers}, method=method)
    assert answer.status_code == status
    assert list(answer.json()) == (["bytes"] if status == 200 else ["error"])


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/api/things", "application/json", 200),
        ("/api/things", "Application/JSON; charset=utf-8", 200),
        ("/api/things", "text/plain", 415),  # what a form of another site can send
        ("/api/things", "text/plain; application/json", 415),
        ("/api/things", "application/x-www-form-urlencoded", 415),
        ("/api/things", "multipart/form-data; boundary=x", 415),
        ("/api/things", "application/octet-stream", 415),
        ("/api/uploads", "application/octet-stream", 200),
        ("/api/uploads", "application/json", 415),
    ],
)
def test_a_body_is_of_the_one_kind_its_route_takes(ask, path: str, kind: str, status: int) -> None:
    assert ask({**OWN, "Content-Type": kind}, path=path).status_code == status
    assert ask(OWN, path=path).status_code == 415


def pieces(total: int) -> Iterator[bytes]:
    for start in range(0, total, 100_000):
        yield b" " * min(100_000, total - start)


@pytest.mark.parametrize("body", [bytes, pieces], ids=["whole", "in pieces"])
def test_a_json_body_has_an_end_and_an_upload_has_its_own(ask, body) -> None:
    headers = {**OWN, **JSON}
    assert ask(headers, content=body(LARGEST_JSON)).json() == {"bytes": LARGEST_JSON}
    answer = ask(headers, content=body(LARGEST_JSON + 1))
    assert (answer.status_code, list(answer.json())) == (413, ["error"])
    upload = {**OWN, "Content-Type": "application/octet-stream"}
    answer = ask(upload, path="/api/uploads", content=body(2 * LARGEST_JSON))
    assert answer.json() == {"bytes": 2 * LARGEST_JSON}


def test_reading_needs_no_origin(ask) -> None:
    assert ask({}, method="GET").status_code == 200


@pytest.mark.parametrize("path", ["/api/things", "/api/uploads", "/x", "/", "/none"])
@pytest.mark.parametrize("host", ["evil.example", "labels.example.org", "localhost.", ""])
def test_in_local_mode_a_foreign_host_is_refused_on_every_route(ask, path: str, host: str) -> None:
    answer = ask({"Host": host}, path=path, method="GET")
    assert answer.status_code == 421
    assert "localhost" in answer.text


@pytest.mark.parametrize(
    ("peer", "status"),
    [("127.0.0.1", 200), ("127.8.9.1", 200), ("::1", 200), ("10.0.0.7", 403), ("2001:db8::1", 403)],
)
def test_in_local_mode_another_machine_is_refused_whatever_host_it_names(peer, status) -> None:
    client = TestClient(SERVER, "http://localhost:8501", client=(peer, 40000))
    assert client.get("/api/things").status_code == status


def test_where_people_sign_in_the_server_has_one_name_and_answers_every_machine(team) -> None:
    far = TestClient(SERVER, "https://labels.example.org", client=("10.0.0.7", 40000))
    assert far.get("/api/things").status_code == 200
    assert far.get("/api/things", headers={"Host": "localhost"}).status_code == 421
    own = {**JSON, "Origin": "https://labels.example.org"}
    assert far.post("/api/things", headers=own).status_code == 200
    other = {**JSON, "Origin": "https://evil.example.org"}
    assert far.post("/api/things", headers=other).status_code == 403


def test_the_figures_of_the_process_are_nobodys(ask) -> None:
    assert ask({}, "/_stcore/metrics", "GET").status_code == 404
    assert ask({}, "/_stcore/health", "GET").status_code == 200
