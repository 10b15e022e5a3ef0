"""Where signing in leads: to the page that was asked for before, and to no other server."""

from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit import config
from test_web_identity import ANN, cookies

from sslapp.web import middleware
from sslapp.web.deep_links import COOKIE, KEPT_FOR, LONGEST, PAGES, own_page

HOME = "https://labels.example.org"


async def shell(_: Request) -> PlainTextResponse:
    return PlainTextResponse("the page")


@pytest.fixture
def visitor(team: TestClient) -> TestClient:
    """A browser of the server where people sign in, before they have."""
    server = Starlette(
        routes=[Route("/{path:path}", shell, methods=["GET", "POST"])], middleware=middleware
    )
    return TestClient(server, team.base_url, follow_redirects=False)


def sign_in(visitor: TestClient) -> None:
    for name, value in cookies(ANN).items():
        visitor.cookies.set(name, value)


def kept(visitor: TestClient) -> str | None:
    return visitor.cookies.get(COOKIE)


def test_the_pages_are_those_of_the_folder() -> None:
    folder = Path(__file__).parents[2] / "pages"
    names = {each.stem for each in folder.glob("*.py")}
    assert {each or "projects" for each in PAGES} == names


@pytest.mark.parametrize("link", ["review?project=3", "?project=3", "label", "train?a=%2F%2Fx&b"])
def test_the_page_that_was_asked_for_is_shown_after_signing_in(visitor, link: str) -> None:
    answer = visitor.get(f"/{link}")
    assert (answer.status_code, answer.text) == (200, "the page")
    attributes = set(answer.headers["set-cookie"].split("; ")[1:])
    assert {"HttpOnly", "SameSite=lax", "Path=/", f"Max-Age={KEPT_FOR}"} <= attributes

    assert visitor.get("/").status_code == 200, "not signed in yet"
    sign_in(visitor)
    answer = visitor.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/{link}")
    assert answer.headers["cache-control"] == "no-store"
    assert kept(visitor) is None
    assert visitor.get("/").status_code == 200, "it leads there once"


def test_another_page_that_is_opened_meanwhile_counts(visitor) -> None:
    visitor.get("/review?project=3")
    sign_in(visitor)
    assert visitor.get("/label?project=1").status_code == 200
    assert kept(visitor) is None
    visitor.cookies.set(COOKIE, "review", domain="labels.example.org")
    assert visitor.get("/?project=1").status_code == 200
    assert kept(visitor) is None


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {}),
        ("GET", "/oauth2callback?code=x&state=y", {}),
        ("GET", "/auth/login?provider=x", {}),
        ("GET", "/api/exports/1", {}),
        ("GET", "/static/js/index.js", {}),
        ("GET", "/review/", {}),
        ("GET", "//review", {}),
        ("GET", "/sign-out", {}),
        ("POST", "/review?project=3", {"Origin": HOME, "Content-Type": "application/json"}),
        ("HEAD", "/review?project=3", {}),
        ("GET", "/review?project=3", {"Sec-Fetch-Dest": "image"}),
        ("GET", "/review?project=3", {"Sec-Fetch-Dest": "iframe"}),
        ("GET", f"/review?project={'3' * LONGEST}", {}),
        ("GET", "/review?next=//evil.example", {}),
    ],
)
def test_nothing_but_an_own_page_is_kept(visitor, method, path, headers) -> None:
    answer = visitor.request(method, path, headers=headers)
    assert "set-cookie" not in answer.headers
    assert kept(visitor) is None


HOSTILE = [
    "https://evil.example/review",
    "http:evil.example",
    "//evil.example",
    "///evil.example",
    "/evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "%2F%2Fevil.example",
    "javascript:alert(1)",
    "review/../../evil",
    "review@evil.example",
    "review.evil.example",
    "review#@evil.example",
    "review?a=b#c",
    "review?next=//evil.example",
    "review?a=\r\nSet-Cookie: x=y",
    "review\r\nLocation: https://evil.example",
    "review\n",
    "review?a=b\n",
    "review?a=\x00",
    "review?a=\u0660",
    "review?a=<script>",
    "review ?a=b",
    " review",
    "REVIEW",
    "api/exports/1",
    "auth/logout",
    "sign-out",
    "x" * 10_000,
    "review?" + "a" * LONGEST,
]


@pytest.mark.parametrize(
    ("value", "encoded"),
    # blanks around a cookie that is not encoded are no part of it
    [(each, n) for each in HOSTILE for n in range(3) if n or each == each.strip()],
)
def test_a_cookie_that_somebody_else_made_up_leads_nowhere(visitor, value, encoded) -> None:
    assert own_page(value) is None
    sent = value
    for _ in range(encoded):
        sent = quote(sent, safe="")
    sign_in(visitor)
    header = "; ".join(f"{name}={each}" for name, each in visitor.cookies.items())
    raw = f"{header}; {COOKIE}={sent}".encode()
    answer = visitor.get("/", headers={b"Cookie": raw})
    assert answer.status_code == 200
    assert "location" not in answer.headers


def test_without_sign_in_nothing_is_kept_and_nothing_leads_elsewhere(project) -> None:
    server = Starlette(routes=[Route("/{path:path}", shell)], middleware=middleware)
    visitor = TestClient(server, "http://localhost:8501", follow_redirects=False)
    assert "set-cookie" not in visitor.get("/review?project=3").headers
    visitor.cookies.set(COOKIE, "review")
    assert visitor.get("/").status_code == 200


def test_a_server_below_a_path_keeps_and_leads_below_it(visitor) -> None:
    before = config.get_option("server.baseUrlPath")
    config.set_option("server.baseUrlPath", "labels")
    try:
        answer = visitor.get("/labels/review?project=3")
        assert "Path=/labels" in answer.headers["set-cookie"].split("; ")
        assert "set-cookie" not in visitor.get("/review?project=3").headers
        sign_in(visitor)
        answer = visitor.get("/labels/")
        assert answer.headers["location"] == "/labels/review?project=3"
    finally:
        config.set_option("server.baseUrlPath", before)
